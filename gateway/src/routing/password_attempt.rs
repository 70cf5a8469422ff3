//! Messages that try a password: by which account the limits count those that fail.

use contracts::Request;
use contracts::users::{ChangePassword, Login, Register};

/// A message that tries the password of an account.
pub trait PasswordAttempt: Request {
    /// Whose: the same account has the same name however it is written. The caller is known where a token is needed.
    fn account(&self, caller: Option<&str>) -> Option<String>;
}

impl PasswordAttempt for Login {
    fn account(&self, _: Option<&str>) -> Option<String> {
        Some(self.email.key())
    }
}

impl PasswordAttempt for Register {
    fn account(&self, _: Option<&str>) -> Option<String> {
        Some(self.email.key())
    }
}

impl PasswordAttempt for ChangePassword {
    fn account(&self, caller: Option<&str>) -> Option<String> {
        // No address looks like this.
        caller.map(|id| format!("user {id}"))
    }
}

#[cfg(test)]
mod tests {
    use contracts::CONTRACTS;

    use crate::routing::route::Work;
    use crate::routing::table::TABLE;

    /// By which account a row counts an input.
    fn account(path: &str, input: &str) -> Option<String> {
        let route = TABLE.iter().find(|route| route.path == path && route.limit.is_some()).unwrap();
        let Work::Ask(ask) = route.work else { panic!("{path} asks nobody") };
        (ask.decode)(serde_json::from_str(input).unwrap(), Some("u-1")).unwrap()
    }

    #[test]
    fn an_account_is_one_however_it_is_written() {
        let login = |email: &str| account("/users/login", &format!(r#"{{"email":"{email}","password":"x"}}"#));
        assert!(login("a@b.co").is_some());
        assert_eq!(login("a@b.co"), login("A@B.co"));
        assert_ne!(login("a@b.co"), login("c@b.co"));
        assert_eq!(
            account("/users/password", r#"{"currentPassword":"x","newPassword":"12345678"}"#).unwrap(),
            "user u-1"
        );
    }

    #[test]
    fn every_limited_row_and_no_other_names_an_account() {
        for route in &TABLE {
            let Work::Ask(ask) = route.work else { continue };
            let example = CONTRACTS.iter().find(|contract| contract.pattern == ask.pattern).unwrap().example;
            let account = (ask.decode)(serde_json::from_str(example).unwrap(), Some("u-1")).unwrap();
            assert_eq!(account.is_some(), route.limit.is_some(), "{} {}", route.method, route.path);
        }
    }
}
