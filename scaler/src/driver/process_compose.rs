//! Runs copies through the API of process-compose. It names the only copy of `orders-get` so, and several `orders-get-0`,
//! `orders-get-1` and so on. A stopped copy stays on its list and can be started again.

use std::collections::HashMap;

use hyper::Method;
use serde::Deserialize;

use crate::driver::Driver;
use crate::http_client::HttpClient;

pub(crate) struct ProcessCompose {
    api: HttpClient,
}

/// A copy on the list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Copy {
    name: String,
    status: String,
}

#[derive(Deserialize)]
struct List {
    data: Vec<Copy>,
}

impl Copy {
    /// The process that it is a copy of.
    fn process(&self) -> &str {
        match self.name.rsplit_once('-') {
            Some((process, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => process,
            _ => &self.name,
        }
    }

    /// Whether it runs or is about to.
    fn is_running(&self) -> bool {
        matches!(self.status.as_str(), "Running" | "Launching" | "Launched" | "Pending" | "Restarting" | "Foreground")
    }

    /// Whether it is stopped and can be started.
    fn is_stopped(&self) -> bool {
        matches!(self.status.as_str(), "Completed" | "Disabled" | "Error" | "Skipped")
    }
}

impl ProcessCompose {
    pub(crate) fn new(api: HttpClient) -> Self {
        Self { api }
    }

    async fn list(&self) -> Result<Vec<Copy>, String> {
        let list = self.api.call(Method::GET, "/processes").await?;
        let list: List = serde_json::from_value(list).map_err(|error| error.to_string())?;
        Ok(list.data)
    }

    async fn of(&self, process: &str) -> Result<Vec<Copy>, String> {
        let mut copies = self.list().await?;
        copies.retain(|copy| copy.process() == process);
        copies.sort_by(|a, b| (a.name.len(), &a.name).cmp(&(b.name.len(), &b.name)));
        Ok(copies)
    }
}

impl Driver for ProcessCompose {
    async fn copies(&self) -> Result<HashMap<String, u32>, String> {
        let mut copies = HashMap::new();
        for copy in self.list().await?.iter().filter(|copy| copy.is_running()) {
            *copies.entry(copy.process().to_owned()).or_default() += 1;
        }
        Ok(copies)
    }

    async fn start(&self, process: &str) -> Result<(), String> {
        let copies = self.of(process).await?;
        if let Some(copy) = copies.iter().find(|copy| copy.is_stopped()) {
            return self.api.call(Method::POST, &format!("/process/start/{}", copy.name)).await.map(drop);
        }
        let one = copies.first().ok_or_else(|| format!("process-compose has no process {process}"))?;
        let more = copies.len() + 1;
        self.api.call(Method::PATCH, &format!("/process/scale/{}/{more}", one.name)).await.map(drop)
    }

    async fn stop(&self, process: &str) -> Result<(), String> {
        let copies = self.of(process).await?;
        let Some(last) = copies.iter().rev().find(|copy| copy.is_running()) else { return Ok(()) };
        self.api.call(Method::PATCH, &format!("/process/stop/{}", last.name)).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_after_the_name_marks_a_copy() {
        let process = |name: &str| Copy { name: name.into(), status: "Running".into() }.process().to_owned();
        assert_eq!(process("orders-get"), "orders-get");
        assert_eq!(process("orders-get-0"), "orders-get");
        assert_eq!(process("orders-get-12"), "orders-get");
        assert_eq!(process("gateway"), "gateway");
    }
}
