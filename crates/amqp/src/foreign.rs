//! Understands the errors of services that are not ours: of what Nest's exceptions carry, an HTTP status, made a code of ours.

use contracts::{CONTRACTS, Code, Fault};
use serde_json::Value;
use serde_json::value::RawValue;

/// A person's sentence is no longer than this; what is longer is a dump.
const SENTENCE: usize = 200;

/// The fault in the `err` of a reply: ours as it stands; another's by its `status` or `statusCode`, where the contract of the
/// pattern has a code for that, and with its message if that is a sentence; another exception of Nest's is a failure without
/// words. `None` for what is none of these.
pub(crate) fn fault(pattern: &str, err: &RawValue) -> Option<Fault> {
    if let Ok(fault) = serde_json::from_str(err.get()) {
        return Some(fault);
    }
    let thrown: Value = serde_json::from_str(err.get()).ok()?;
    let status = ["status", "statusCode"].iter().find_map(|key| thrown[key].as_u64());
    match status.and_then(|status| code(pattern, status)) {
        Some(code) => Some(Fault::new(code, sentence(&thrown).unwrap_or("The service refused this."))),
        None if is_exception(&thrown) => Some(Fault::new(Code::Internal, "The service failed and did not say how.")),
        None => None,
    }
}

/// Whether it is what a Nest service makes of an exception: a text, or an object with a status or a message. One with a code
/// claims to be ours, and is not.
fn is_exception(thrown: &Value) -> bool {
    let has = |key: &str| !thrown[key].is_null();
    thrown.is_string() || ["status", "statusCode", "message"].into_iter().any(has) && !has("code")
}

/// The code that the pattern's contract has for a status.
fn code(pattern: &str, status: u64) -> Option<Code> {
    let candidates: &[Code] = match status {
        400 | 422 => return Some(Code::InvalidInput),
        401 => &[Code::InvalidCredentials, Code::SessionEnded, Code::PermissionDenied],
        403 => &[Code::PermissionDenied],
        404 => &[Code::OrderNotFound, Code::SessionNotFound, Code::UserNotFound],
        409 => &[Code::EmailTaken, Code::IdempotencyKeyInUse],
        _ => return None,
    };
    let contract = CONTRACTS.iter().find(|contract| contract.pattern == pattern)?;
    candidates.iter().copied().find(|code| contract.faults.contains(code))
}

/// Its message, if that is made for a person.
fn sentence(thrown: &Value) -> Option<&str> {
    let message = thrown["message"].as_str()?;
    let is_sentence = !message.is_empty() && message.chars().count() <= SENTENCE && !message.contains(char::is_control);
    is_sentence.then_some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pattern: &str, err: &str) -> (Code, String) {
        let fault = fault(pattern, serde_json::from_str(err).unwrap()).unwrap();
        (fault.code, fault.message)
    }

    #[test]
    fn an_exception_with_a_status_is_the_codes_own() {
        for err in [
            r#"{"status":404,"message":"Order not found"}"#,
            r#"{"statusCode":404,"message":"Order not found","error":"Not Found"}"#,
        ] {
            assert_eq!(read("orders.get", err), (Code::OrderNotFound, "Order not found".into()), "{err}");
        }
        assert_eq!(read("users.profile", r#"{"status":404}"#).0, Code::UserNotFound);
        assert_eq!(read("orders.get", r#"{"status":403}"#).0, Code::PermissionDenied);
        assert_eq!(read("orders.list", r#"{"status":422}"#).0, Code::InvalidInput);
        assert_eq!(read("users.register", r#"{"statusCode":409}"#).0, Code::EmailTaken);
        assert_eq!(read("users.login", r#"{"statusCode":401}"#).0, Code::InvalidCredentials);
    }

    #[test]
    fn what_the_contract_has_no_code_for_is_a_failure_without_words() {
        for err in [
            r#""Order not found""#,
            r#"{"status":"error","message":"Internal server error"}"#,
            r#"{"status":500,"message":"SELECT password FROM users"}"#,
            r#"{"status":418,"message":"m"}"#,
            r#"{"status":-404}"#,
            r#"{"status":404.5}"#,
        ] {
            assert_eq!(read("orders.get", err).0, Code::Internal, "{err}");
            assert!(!read("orders.get", err).1.contains("password"));
        }
        assert_eq!(read("orders.list", r#"{"status":404}"#).0, Code::Internal);
    }

    #[test]
    fn what_nobody_throws_is_no_fault() {
        for err in ["[]", "7", "true", "{}", r#"{"oops":1}"#, r#"{"code":"no_such_code","message":"m"}"#, r#"["no"]"#] {
            assert_eq!(fault("orders.get", serde_json::from_str(err).unwrap()), None, "{err}");
        }
    }

    #[test]
    fn a_dump_is_not_shown() {
        for message in ["x".repeat(201), "a\\nb".into(), String::new()] {
            let said = read("orders.get", &format!(r#"{{"status":404,"message":"{message}"}}"#)).1;
            assert_eq!(said, "The service refused this.");
        }
    }
}
