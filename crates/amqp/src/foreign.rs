//! Translates the errors of foreign services: the HTTP status in an exception of NestJS becomes one of our codes.

use contracts::{CONTRACTS, Code, Fault};
use serde_json::Value;
use serde_json::value::RawValue;

/// The longest message that is passed on; a longer one is probably a stack trace or a dump.
const LONGEST_MESSAGE: usize = 200;

/// The fault in the `err` of a reply. A fault of ours is taken as it is. An exception with a `status` or `statusCode` becomes
/// the code that the pattern's contract has for it, with its message if that is fit for people. Any other exception of
/// Nest's becomes `internal`. `None` if it is none of these.
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

/// Whether it has the form of a Nest exception: a text, or an object with a status or a message. An object with a `code`
/// claims to be a fault of ours and is not one.
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

/// Its message, if it is fit for people.
fn sentence(thrown: &Value) -> Option<&str> {
    let message = thrown["message"].as_str()?;
    let is_sentence =
        !message.is_empty() && message.chars().count() <= LONGEST_MESSAGE && !message.contains(char::is_control);
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
    fn an_exception_with_a_status_becomes_the_matching_code() {
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
    fn an_exception_without_a_matching_code_becomes_internal() {
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
    fn unknown_forms_are_not_faults() {
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
