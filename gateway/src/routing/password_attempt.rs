//! Messages that contain a password, with the account that the rate limits count failed attempts by.

use contracts::Request;
use contracts::users::{ChangePassword, Login, Register};

/// A message that contains the password of an account.
pub trait PasswordAttempt: Request {
    /// The account, in one form however it is written. `caller` is the authenticated user, if the route needs a token.
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
        // No e-mail address looks like this.
        caller.map(|id| format!("user {id}"))
    }
}

#[cfg(test)]
mod tests {
    use contracts::CONTRACTS;

    use crate::routing::route::Work;
    use crate::routing::table::TABLE;

    /// The account that a route counts an input by.
    fn account(path: &str, input: &str) -> Option<String> {
        let route = TABLE.iter().find(|route| route.path == path && route.limit.is_some()).unwrap();
        let Work::Rpc(rpc) = route.work else { panic!("{path} calls no pattern") };
        (rpc.decode)(serde_json::from_str(input).unwrap(), Some("u-1")).unwrap()
    }

    #[test]
    fn an_account_is_the_same_however_it_is_written() {
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
    fn exactly_the_limited_routes_name_an_account() {
        for route in &TABLE {
            let Work::Rpc(rpc) = route.work else { continue };
            let example = CONTRACTS.iter().find(|contract| contract.pattern == rpc.pattern).unwrap().example;
            let account = (rpc.decode)(serde_json::from_str(example).unwrap(), Some("u-1")).unwrap();
            assert_eq!(account.is_some(), route.limit.is_some(), "{} {}", route.method, route.path);
        }
    }
}
