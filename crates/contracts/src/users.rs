//! What can be asked of the user service, and what it answers.

use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::{Code, Email, Fields, Instant, Password, PersonName, Request};

/// `users.register` — opens an account and signs its owner in.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct Register {
    /// Where the person is reached; unique without regard to case.
    pub email: Email,
    /// The chosen password; the service may ask for more than these 8 characters.
    pub password: Password<8>,
    /// Given name.
    pub first_name: PersonName,
    /// Family name.
    pub last_name: PersonName,
}

impl Request for Register {
    const PATTERN: &'static str = "users.register";
    const SAFE: bool = false;
    const EXAMPLE: &'static str = r#"{"email": "ada@example.org", "password": "correct horse battery", "firstName": "Ada", "lastName": "Lovelace"}"#;
    const FAULTS: &'static [Code] = &[Code::EmailTaken];
    type Reply = SignedIn;

    fn read(input: &mut impl Fields) -> Option<Self> {
        let email = input.required("email");
        let password = input.required("password");
        let first_name = input.required("firstName");
        let last_name = input.required("lastName");
        Some(Self { email: email?, password: password?, first_name: first_name?, last_name: last_name? })
    }
}

/// `users.login` — checks a password and signs the person in.
#[derive(Debug, JsonSchema)]
pub struct Login {
    /// The account's address.
    pub email: Email,
    /// Its password, in full: older rules may have allowed shorter ones.
    pub password: Password<1>,
}

impl Request for Login {
    const PATTERN: &'static str = "users.login";
    const SAFE: bool = false;
    const EXAMPLE: &'static str = r#"{"email": "ada@example.org", "password": "correct horse battery"}"#;
    const FAULTS: &'static [Code] = &[Code::InvalidCredentials];
    type Reply = SignedIn;

    fn read(input: &mut impl Fields) -> Option<Self> {
        let email = input.required("email");
        let password = input.required("password");
        Some(Self { email: email?, password: password? })
    }
}

/// `users.profile` — shows the caller's own account.
#[derive(Debug, JsonSchema)]
pub struct ShowProfile;

impl Request for ShowProfile {
    const PATTERN: &'static str = "users.profile";
    const SAFE: bool = true;
    const EXAMPLE: &'static str = "{}";
    const FAULTS: &'static [Code] = &[Code::UserNotFound];
    type Reply = Profile;

    fn read(_: &mut impl Fields) -> Option<Self> {
        Some(Self)
    }
}

/// The answer to register and login.
#[derive(Serialize, JsonSchema)]
pub struct SignedIn {
    /// What opens the guarded routes.
    pub tokens: Tokens,
    /// Who signed in.
    pub user: User,
}

/// An access token and the refresh token it came with.
#[derive(Serialize, JsonSchema)]
pub struct Tokens {
    /// A JWT for the `Authorization: Bearer` header, good for minutes.
    pub access_token: String,
    /// An opaque 256-bit secret, good for days.
    pub refresh_token: String,
}

/// An account as its owner may always see it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The account's id.
    pub id: Uuid,
    /// The address as it was registered.
    pub email: String,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
}

/// The whole account, without its secrets.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Id, address and names.
    #[serde(flatten)]
    pub user: User,
    /// Whether the account may sign in.
    pub is_active: bool,
    /// When it was opened.
    pub created_at: Instant,
}
