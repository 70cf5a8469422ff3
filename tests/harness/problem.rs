//! Checks the format of error answers: RFC 9457, with the fields that this system adds.

use serde_json::Value;

use crate::http::Answer;

/// Fails unless the answer is an error with this status and code, in the one form that all errors have; returns its body.
#[track_caller]
pub fn problem(answer: &Answer, status: u16, code: &str) -> Value {
    assert_eq!(
        answer.outcome(),
        (status, code.into()),
        "expected {status} {code}, got {}: {}",
        answer.status,
        answer.body
    );
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let body = answer.json();
    let text = |field: &str| body[field].as_str().unwrap_or_else(|| panic!("no text in `{field}`: {body}"));
    for field in ["type", "title", "detail", "instance", "code", "message", "requestId"] {
        assert!(!text(field).is_empty(), "`{field}` is empty: {body}");
    }
    assert_eq!(body["status"], status);
    assert_eq!(text("message"), text("detail"));
    assert_eq!(text("requestId"), answer.header("x-request-id"));
    let errors = body.get("errors");
    assert_eq!(errors.is_some(), code == "invalid_input", "`errors` belongs to invalid input alone: {body}");
    if let Some(errors) = errors {
        let fields = errors.as_object().unwrap_or_else(|| panic!("`errors` is no object: {body}"));
        let named = |messages: &Value| {
            messages.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(Value::is_string))
        };
        assert!(!fields.is_empty() && fields.values().all(named), "`errors` does not say what is wrong: {body}");
    }
    let known = ["type", "title", "status", "detail", "instance", "code", "message", "errors", "requestId"];
    let unknown = body.as_object().unwrap().keys().find(|key| !known.contains(&key.as_str()));
    assert_eq!(unknown, None, "a field that nobody promised: {body}");
    body
}

/// The same, and the fields at fault are exactly these.
#[track_caller]
pub fn invalid(answer: &Answer, fields: &[&str]) -> Value {
    let body = problem(answer, 422, "invalid_input");
    let named: Vec<&str> = body["errors"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(named, fields, "{body}");
    body
}
