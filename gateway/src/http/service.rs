//! The service that a server runs: handles requests.

use hyper::body::Incoming;
use hyper::{Request, Response};

use crate::http::response_body::Body;

/// Handles requests.
pub trait Service: Send + Sync + 'static {
    /// Responds to a request.
    fn call(&self, request: Request<Incoming>) -> impl Future<Output = Response<Body>> + Send;
}
