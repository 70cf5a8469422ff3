//! The route table: every route of the gateway, one row each. `route.rs` defines the options of a row.
//!
//! A new route is a new row; nothing else in the gateway names a path or a pattern.

use contracts::orders::{CreateOrder, GetOrder, ListEvents, ListOrders, ShowHistory};
use contracts::users::{
    ChangePassword, EndSessions, ListSessions, Login, Logout, ReadInbox, Refresh, Register, ShowProfile, UpdateProfile,
};

use crate::http::static_files;
use crate::rate_limit::limit::Limit;
use crate::routing::route::{Builtin, Route, Success};

/// Every route. Paths are unique per method; a test checks this.
#[rustfmt::skip]
pub static TABLE: [Route; 29] = [
    Route::post("/users/register").tries_password::<Register>().open().limited(Limit::Registrations).secret().answers(Success::Created),
    Route::post("/users/login").tries_password::<Login>().open().limited(Limit::Logins).secret(),
    Route::post("/users/refresh").calls::<Refresh>().open().secret(),
    Route::post("/users/logout").calls::<Logout>().open(),
    Route::get("/users/profile").calls::<ShowProfile>(),
    Route::patch("/users/profile").calls::<UpdateProfile>(),
    Route::put("/users/password").tries_password::<ChangePassword>().limited(Limit::Passwords).answers(Success::NoContent),
    Route::get("/users/sessions").calls::<ListSessions>(),
    Route::delete("/users/sessions").calls::<EndSessions>().answers(Success::NoContent),
    Route::delete("/users/sessions/{id}").calls::<EndSessions>().answers(Success::NoContent),
    Route::get("/users/{id}").calls::<ShowProfile>(),
    Route::post("/auth/register").tries_password::<Register>().open().limited(Limit::Registrations).secret().answers(Success::Created),
    Route::post("/auth/login").tries_password::<Login>().open().limited(Limit::Logins).secret(),
    Route::post("/auth/logout").calls::<Logout>().open(),
    Route::post("/orders").calls::<CreateOrder>().keyed().answers(Success::CreatedAt("/orders/")),
    Route::get("/orders").calls::<ListOrders>().answers(Success::Page),
    Route::get("/orders/{id}").calls::<GetOrder>(),
    Route::get("/orders/{id}/history").calls::<ShowHistory>().completed_by::<ReadInbox>(),
    Route::get("/orders/events").calls::<ListEvents>().without_waiting().answers(Success::EventStream),
    Route::get("/system").serves(Builtin::System).open(),
    Route::get("/.well-known/jwks.json").serves(Builtin::Keys).open(),
    Route::get("/openapi.json").serves(Builtin::File(&static_files::OPENAPI)).open(),
    Route::get("/openapi-3.0.json").serves(Builtin::File(&static_files::OPENAPI_3_0)).open(),
    Route::get("/asyncapi.json").serves(Builtin::File(&static_files::ASYNCAPI)).open(),
    Route::get("/docs").serves(Builtin::File(&static_files::PAGE)).open(),
    Route::get("/docs/page.js").serves(Builtin::Part(&static_files::PAGE_SCRIPT)).open(),
    Route::get("/docs/page.css").serves(Builtin::Part(&static_files::PAGE_STYLE)).open(),
    Route::get("/docs/swagger-ui.js").serves(Builtin::Part(&static_files::UI_SCRIPT)).open(),
    Route::get("/docs/swagger-ui.css").serves(Builtin::Part(&static_files::UI_STYLE)).open(),
];
