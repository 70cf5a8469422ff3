//! What a server serves: something that answers requests.

use hyper::body::Incoming;
use hyper::{Request, Response};

use crate::http::response_body::Body;

/// Answers requests.
pub trait Service: Send + Sync + 'static {
    /// The answer to one request, whatever it is.
    fn call(&self, request: Request<Incoming>) -> impl Future<Output = Response<Body>> + Send;
}
