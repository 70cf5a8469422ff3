//! Compares the outcomes in workers' logs with the errors that their contracts declare.

use contracts::{CONTRACTS, Code};

use crate::process::Process;

/// Every answer of a process that its contract does not know of.
pub(crate) fn undeclared(process: &Process) -> Vec<String> {
    let mut undeclared: Vec<String> = Vec::new();
    for event in process.events("handled") {
        let (pattern, status) = (event["pattern"].as_str().unwrap(), event["status"].as_str().unwrap());
        let Some(contract) = CONTRACTS.iter().find(|contract| contract.pattern == pattern) else { continue };
        let declared = contract
            .all_faults()
            .map(Code::as_str)
            .chain(["ok", "expired", "unanswerable", "returned"])
            .any(|it| it == status);
        let complaint = format!("{pattern} has answered {status}, which its contract does not say");
        if !declared && !undeclared.contains(&complaint) {
            undeclared.push(complaint);
        }
    }
    undeclared
}
