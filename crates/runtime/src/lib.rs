//! What every process of the system needs: settings, the log, supervised connections, shutdown and exit codes.

mod backoff;
mod exit;
#[cfg(feature = "https")]
pub mod https;
mod lines;
pub mod log;
mod log_file;
pub mod log_level;
mod notify;
mod program;
mod section;
mod settings;
mod shutdown;
mod supervise;
pub mod usage;

pub use crate::backoff::Backoff;
pub use crate::exit::{EX_UNAVAILABLE, EX_USAGE, StartError, exit_code};
pub use crate::notify::notify_ready;
pub use crate::program::{Program, VERSION};
pub use crate::settings::{Problem, Section, SettingError, Settings, nearest};
pub use crate::shutdown::Shutdown;
pub use crate::supervise::{Supervised, supervise};
