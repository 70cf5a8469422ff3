//! The driver that the settings select.

use std::collections::HashMap;

use crate::driver::Driver;
use crate::driver::children::Children;
use crate::driver::process_compose::ProcessCompose;

/// A driver.
pub(crate) enum AnyDriver {
    ProcessCompose(ProcessCompose),
    Children(Children),
}

impl Driver for AnyDriver {
    async fn copies(&self) -> Result<HashMap<String, u32>, String> {
        match self {
            Self::ProcessCompose(driver) => driver.copies().await,
            Self::Children(driver) => driver.copies().await,
        }
    }

    async fn start(&self, process: &str) -> Result<(), String> {
        match self {
            Self::ProcessCompose(driver) => driver.start(process).await,
            Self::Children(driver) => driver.start(process).await,
        }
    }

    async fn stop(&self, process: &str) -> Result<(), String> {
        match self {
            Self::ProcessCompose(driver) => driver.stop(process).await,
            Self::Children(driver) => driver.stop(process).await,
        }
    }
}
