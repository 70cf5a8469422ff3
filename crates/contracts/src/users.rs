//! What can be asked of the user service, and what it answers.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::fault::Code;
use crate::message::input::Fields;
use crate::message::request::Request;
use crate::types::email::Email;
use crate::types::person_name::PersonName;
use crate::types::price::Total;
use crate::types::text::{Keep, Password, RefreshToken, UserId};
use crate::types::timestamp::Timestamp;

/// `users.register` — opens an account and signs its owner in.
#[derive(Debug)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "camelCase"))]
pub struct Register {
    /// Where the person is reached; unique, however its letters are composed, and without regard to case.
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
    const FAULTS: &'static [Code] = &[Code::EmailTaken, Code::Overloaded];
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
#[derive(Debug)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    const FAULTS: &'static [Code] = &[Code::InvalidCredentials, Code::Overloaded];
    type Reply = SignedIn;

    fn read(input: &mut impl Fields) -> Option<Self> {
        let email = input.required("email");
        let password = input.required("password");
        Some(Self { email: email?, password: password? })
    }
}

/// `users.refresh` — exchanges a refresh token for new tokens; each serves once.
#[derive(Debug)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "camelCase"))]
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
#[derive(Debug)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "camelCase"))]
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
#[derive(Debug)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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

/// `users.update_profile` — changes the caller's names.
#[derive(Debug)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "camelCase"))]
pub struct UpdateProfile {
    /// The new given name; without it the old one stays.
    pub first_name: Option<PersonName>,
    /// The new family name; without it the old one stays.
    pub last_name: Option<PersonName>,
}

impl Request for UpdateProfile {
    const PATTERN: &'static str = "users.update_profile";
    const SAFE: bool = false;
    const EXAMPLE: &'static str = r#"{"firstName": "Ada", "lastName": "King"}"#;
    const FAULTS: &'static [Code] = &[Code::UserNotFound, Code::Overloaded];
    type Reply = Profile;

    fn read(input: &mut impl Fields) -> Option<Self> {
        let first_name = input.optional("firstName");
        let last_name = input.optional("lastName");
        Some(Self { first_name: first_name?, last_name: last_name? })
    }
}

/// `users.change_password` — replaces the caller's password; every session but the one that asks ends.
#[derive(Debug)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "camelCase"))]
pub struct ChangePassword {
    /// The password until now.
    pub current_password: Password<1>,
    /// The password from now on; the service may ask for more than these 8 characters.
    pub new_password: Password<8>,
}

impl Request for ChangePassword {
    const PATTERN: &'static str = "users.change_password";
    const SAFE: bool = false;
    const EXAMPLE: &'static str =
        r#"{"currentPassword": "correct horse battery", "newPassword": "staple the correct horse"}"#;
    const FAULTS: &'static [Code] = &[Code::UserNotFound, Code::Overloaded];
    type Reply = SessionsEnded;

    fn read(input: &mut impl Fields) -> Option<Self> {
        let current_password = input.required("currentPassword");
        let new_password = input.required("newPassword");
        Some(Self { current_password: current_password?, new_password: new_password? })
    }
}

/// `users.sessions` — shows where the caller is signed in, the newest sign-in first: at most 100, those used last.
#[derive(Debug)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListSessions {}

impl Request for ListSessions {
    const PATTERN: &'static str = "users.sessions";
    const SAFE: bool = true;
    const EXAMPLE: &'static str = "{}";
    const FAULTS: &'static [Code] = &[Code::UserNotFound];
    type Reply = Vec<Session>;

    fn read(_: &mut impl Fields) -> Option<Self> {
        Some(Self {})
    }
}

/// `users.end_sessions` — signs the caller out: of one session, of all, or of all but the one that asks.
#[derive(Debug)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EndSessions {
    /// The session to end; all when left out.
    pub id: Option<Uuid>,
    /// With `current` the session that asks goes on.
    pub keep: Option<Keep>,
}

impl Request for EndSessions {
    const PATTERN: &'static str = "users.end_sessions";
    const SAFE: bool = false;
    const EXAMPLE: &'static str = r#"{"id": "0199f0a0-7c3e-7000-8000-000000000004", "keep": "current"}"#;
    const FAULTS: &'static [Code] = &[Code::UserNotFound, Code::SessionNotFound];
    type Reply = SessionsEnded;

    fn read(input: &mut impl Fields) -> Option<Self> {
        let id = input.optional("id");
        let keep = input.optional("keep");
        Some(Self { id: id?, keep: keep? })
    }
}

/// `users.inbox` — which listeners of the user service have applied an event, and when.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReadInbox {
    /// The event.
    pub event_id: Uuid,
}

impl Request for ReadInbox {
    const PATTERN: &'static str = "users.inbox";
    const SAFE: bool = true;
    const EXAMPLE: &'static str = r#"{"eventId": "0199f0a0-7c3e-7000-8000-000000000003"}"#;
    type Reply = InboxEntries;

    fn read(input: &mut impl Fields) -> Option<Self> {
        Some(Self { event_id: input.required("eventId")? })
    }
}

/// Who has applied an event.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InboxEntries {
    /// One entry for each listener that has applied it; entries are removed after a while.
    #[cfg_attr(feature = "schema", schemars(length(max = 256)))]
    pub entries: Vec<InboxEntry>,
}

/// A listener that has applied an event.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct InboxEntry {
    /// The listener's name.
    pub listener: String,
    /// When it applied the event.
    pub applied_at: Timestamp,
}

/// A sign-in that is still good.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// The session's id.
    pub id: Uuid,
    /// When its owner signed in.
    pub started_at: Timestamp,
    /// When it was last refreshed.
    pub last_used_at: Timestamp,
    /// When it ends unless it is used before.
    pub expires_at: Timestamp,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// The answer where sessions end.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SessionsEnded {
    /// How many.
    pub ended: i64,
}

/// The answer to register and login.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignedIn {
    /// What opens the guarded routes.
    pub tokens: Tokens,
    /// Who signed in.
    pub user: User,
}

/// The answer to refresh. The tokens are there twice, for clients differ in where they look for them.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignedOut {
    /// Always true: a session that was gone before is gone all the same.
    pub success: bool,
}

/// An access token and the refresh token it came with.
#[derive(Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Tokens {
    /// A JWT for the `Authorization: Bearer` header, good for minutes.
    pub access_token: String,
    /// An opaque 256-bit secret, good for days.
    pub refresh_token: String,
}

/// An account as its owner may always see it.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Id, address and names.
    #[serde(flatten)]
    pub user: User,
    /// Whether the account may sign in.
    pub is_active: bool,
    /// When it was opened.
    pub created_at: Timestamp,
    /// How many orders its owner has placed; a new order counts within moments, not at once.
    pub order_count: i64,
    /// For how much in all, with at most two decimals.
    pub total_spent: Total,
}
