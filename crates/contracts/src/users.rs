//! What can be asked of the user service, and what it answers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Code, Email, Fields, Instant, Password, PersonName, RefreshToken, Request, Total, UserId};

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

/// `users.refresh` — exchanges a refresh token for new tokens; each serves once.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct Refresh {
    /// Whose session it should be, if the client says so.
    pub user_id: Option<Uuid>,
    /// The token that came last.
    pub refresh_token: RefreshToken,
}

impl Request for Refresh {
    const PATTERN: &'static str = "users.refresh";
    const SAFE: bool = false;
    const EXAMPLE: &'static str = r#"{"userId": "0190a000-0000-7000-8000-000000000001", "refreshToken": "5f8a3c0e9d7b4a6182f0c3e5b7d9a1f4c6e8b0d2f4a6c8e0b2d4f6a8c0e2b4d6"}"#;
    const FAULTS: &'static [Code] = &[Code::SessionEnded, Code::Overloaded];
    type Reply = Refreshed;

    fn read(input: &mut impl Fields) -> Option<Self> {
        let user_id = input.optional("userId");
        let refresh_token = input.required("refreshToken");
        Some(Self { user_id: user_id?, refresh_token: refresh_token? })
    }
}

/// `users.logout` — ends the session that a refresh token belongs to.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct Logout {
    /// Any token of the session, new or old.
    pub refresh_token: RefreshToken,
}

impl Request for Logout {
    const PATTERN: &'static str = "users.logout";
    const SAFE: bool = false;
    const EXAMPLE: &'static str =
        r#"{"refreshToken": "5f8a3c0e9d7b4a6182f0c3e5b7d9a1f4c6e8b0d2f4a6c8e0b2d4f6a8c0e2b4d6"}"#;
    type Reply = SignedOut;

    fn read(input: &mut impl Fields) -> Option<Self> {
        Some(Self { refresh_token: input.required("refreshToken")? })
    }
}

/// `users.profile` — shows the caller's own account.
#[derive(Debug, JsonSchema)]
pub struct ShowProfile {
    /// The account asked for; the caller's when left out, and no other is shown.
    pub id: Option<UserId>,
}

impl Request for ShowProfile {
    const PATTERN: &'static str = "users.profile";
    const SAFE: bool = true;
    const EXAMPLE: &'static str = r#"{"id": "0190a000-0000-7000-8000-000000000001"}"#;
    const FAULTS: &'static [Code] = &[Code::PermissionDenied, Code::UserNotFound];
    type Reply = Profile;

    fn read(input: &mut impl Fields) -> Option<Self> {
        Some(Self { id: input.optional("id")? })
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

/// The answer to refresh. The tokens are there twice, for clients differ in where they look for them.
#[derive(Serialize, JsonSchema)]
pub struct Refreshed {
    /// As in `tokens`.
    pub access_token: String,
    /// As in `tokens`.
    pub refresh_token: String,
    /// As register and login answer.
    #[serde(flatten)]
    pub signed_in: SignedIn,
}

impl From<SignedIn> for Refreshed {
    fn from(signed_in: SignedIn) -> Self {
        let Tokens { access_token, refresh_token } = signed_in.tokens.clone();
        Self { access_token, refresh_token, signed_in }
    }
}

/// The answer to logout.
#[derive(Serialize, JsonSchema)]
pub struct SignedOut {
    /// Always true: a session that was gone before is gone all the same.
    pub success: bool,
}

/// An access token and the refresh token it came with.
#[derive(Clone, Serialize, JsonSchema)]
pub struct Tokens {
    /// A JWT for the `Authorization: Bearer` header, good for minutes.
    pub access_token: String,
    /// An opaque 256-bit secret, good for days.
    pub refresh_token: String,
}

/// An account as its owner may always see it.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
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
    /// How many orders its owner has placed; a new order counts within moments, not at once.
    pub order_count: i64,
    /// For how much in all, with at most two decimals.
    pub total_spent: Total,
}
