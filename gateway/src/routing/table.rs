//! The table: every route of the gateway, one row each. What a row can say is in `route.rs`.
//!
//! A new route is a new row; nothing else in the gateway names a path or a pattern.

use contracts::orders::{CreateOrder, GetOrder, ListEvents, ListOrders, ShowHistory};
use contracts::users::{
    ChangePassword, EndSessions, ListSessions, Login, Logout, ReadInbox, Refresh, Register, ShowProfile, UpdateProfile,
};

use crate::http::static_files;
use crate::rate_limit::limit::Limit;
use crate::routing::route::{Builtin, Route, Success};

/// Every route. Paths are unique per method; a test says so.
#[rustfmt::skip]
pub static TABLE: [Route; 29] = [
    Route::post("/users/register").tries_password::<Register>().open().limited(Limit::Registrations).secret().answers(Success::Created),
    Route::post("/users/login").tries_password::<Login>().open().limited(Limit::Logins).secret(),
    Route::post("/users/refresh").asks::<Refresh>().open().secret(),
    Route::post("/users/logout").asks::<Logout>().open(),
    Route::get("/users/profile").asks::<ShowProfile>(),
    Route::patch("/users/profile").asks::<UpdateProfile>(),
    Route::put("/users/password").tries_password::<ChangePassword>().limited(Limit::Passwords).answers(Success::NoContent),
    Route::get("/users/sessions").asks::<ListSessions>(),
    Route::delete("/users/sessions").asks::<EndSessions>().answers(Success::NoContent),
    Route::delete("/users/sessions/{id}").asks::<EndSessions>().answers(Success::NoContent),
    Route::get("/users/{id}").asks::<ShowProfile>(),
    Route::post("/auth/register").tries_password::<Register>().open().limited(Limit::Registrations).secret().answers(Success::Created),
    Route::post("/auth/login").tries_password::<Login>().open().limited(Limit::Logins).secret(),
    Route::post("/auth/logout").asks::<Logout>().open(),
    Route::post("/orders").asks::<CreateOrder>().keyed().answers(Success::CreatedAt("/orders/")),
    Route::get("/orders").asks::<ListOrders>().answers(Success::Page),
    Route::get("/orders/{id}").asks::<GetOrder>(),
    Route::get("/orders/{id}/history").asks::<ShowHistory>().completed_by::<ReadInbox>(),
    Route::get("/orders/events").asks::<ListEvents>().at_once().answers(Success::LiveSubscription),
    Route::get("/system").shows(Builtin::System).open(),
    Route::get("/.well-known/jwks.json").shows(Builtin::Keys).open(),
    Route::get("/openapi.json").shows(Builtin::File(&static_files::OPENAPI)).open(),
    Route::get("/openapi-3.0.json").shows(Builtin::File(&static_files::OPENAPI_3_0)).open(),
    Route::get("/asyncapi.json").shows(Builtin::File(&static_files::ASYNCAPI)).open(),
    Route::get("/docs").shows(Builtin::File(&static_files::PAGE)).open(),
    Route::get("/docs/page.js").shows(Builtin::Part(&static_files::PAGE_SCRIPT)).open(),
    Route::get("/docs/page.css").shows(Builtin::Part(&static_files::PAGE_STYLE)).open(),
    Route::get("/docs/swagger-ui.js").shows(Builtin::Part(&static_files::UI_SCRIPT)).open(),
    Route::get("/docs/swagger-ui.css").shows(Builtin::Part(&static_files::UI_STYLE)).open(),
];
