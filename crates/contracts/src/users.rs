//! The requests of the user service, and its replies.

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
    /// The e-mail address; unique, ignoring case and how its characters are composed.
    pub email: Email,
    /// The password; the service may require more than these 8 characters.
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
    /// The account's e-mail address.
    pub email: Email,
    /// The account's password; older ones may be shorter than new ones must be.
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

/// `users.refresh` — exchanges a refresh token for new tokens; each can be used once.
#[derive(Debug)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "camelCase"))]
pub struct Refresh {
    /// The user whose session it should be; optional.
    pub user_id: Option<Uuid>,
    /// The latest refresh token of the session.
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
    /// Any refresh token of the session, new or old.
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
    /// The account to show; the caller's by default. No other account is shown.
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
    /// The new given name; unchanged if absent.
    pub first_name: Option<PersonName>,
    /// The new family name; unchanged if absent.
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

/// `users.change_password` — replaces the caller's password and ends all their other sessions.
#[derive(Debug)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "camelCase"))]
pub struct ChangePassword {
    /// The current password.
    pub current_password: Password<1>,
    /// The new password; the service may require more than these 8 characters.
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

/// `users.sessions` — lists the caller's sessions, the newest sign-in first: at most the 100 most recently used.
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

/// `users.end_sessions` — ends one of the caller's sessions, all of them, or all but the current one.
#[derive(Debug)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EndSessions {
    /// The session to end; all if absent.
    pub id: Option<Uuid>,
    /// With `current`, the caller's session continues.
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

/// `users.inbox` — shows which listeners of the user service have applied an event, and when.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReadInbox {
    /// The event's id.
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

/// The listeners that have applied an event.
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

/// A session that has not ended.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// The session's id.
    pub id: Uuid,
    /// When the user signed in.
    pub started_at: Timestamp,
    /// When it was last refreshed.
    pub last_used_at: Timestamp,
    /// When it ends unless it is refreshed before.
    pub expires_at: Timestamp,
    /// Whether it is the caller's session.
    pub current: bool,
}

/// The reply when sessions end.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SessionsEnded {
    /// How many sessions ended.
    pub ended: i64,
}

/// The reply to register and login.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignedIn {
    /// The tokens of the session.
    pub tokens: Tokens,
    /// The user who signed in.
    pub user: User,
}

/// The reply to refresh. It contains the tokens twice, because clients differ in where they look for them.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Refreshed {
    /// As in `tokens`.
    pub access_token: String,
    /// As in `tokens`.
    pub refresh_token: String,
    /// The same as in the reply to register and login.
    #[serde(flatten)]
    pub signed_in: SignedIn,
}

impl From<SignedIn> for Refreshed {
    fn from(signed_in: SignedIn) -> Self {
        let Tokens { access_token, refresh_token } = signed_in.tokens.clone();
        Self { access_token, refresh_token, signed_in }
    }
}

/// The reply to logout.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignedOut {
    /// Always true, also if the session had ended before.
    pub success: bool,
}

/// An access token and a refresh token.
#[derive(Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Tokens {
    /// A JWT for the `Authorization: Bearer` header, valid for minutes.
    pub access_token: String,
    /// An opaque 256-bit secret, valid for days.
    pub refresh_token: String,
}

/// The id, e-mail address and names of an account.
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

/// An account, without its secrets.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Id, address and names.
    #[serde(flatten)]
    pub user: User,
    /// Whether the account may sign in.
    pub is_active: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// The number of orders that its owner has placed; a new order is counted shortly after it is placed.
    pub order_count: i64,
    /// The total price of these orders, with at most two decimals.
    pub total_spent: Total,
}
