//! What the gateway hands out as it stands: the published contract, and the page that shows it. All of it is inside the
//! program, so nothing has to be installed beside it, and the page works without the internet.

use hyper::Response;
use hyper::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue};

use crate::Body;

/// A file inside the program.
#[derive(Debug, PartialEq, Eq)]
pub struct File {
    /// What it is for, in one sentence.
    pub purpose: &'static str,
    /// What it is.
    pub media_type: &'static str,
    bytes: &'static [u8],
    /// Kept and sent compressed: every browser takes it.
    gzip: bool,
}

/// The page loads what comes from here, and nothing else; nobody may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const NO_SNIFFING: HeaderName = HeaderName::from_static("x-content-type-options");

/// The contract of the routes.
pub(crate) static OPENAPI: File = File {
    purpose: "The OpenAPI 3.1 document of these routes.",
    media_type: "application/json",
    bytes: include_bytes!("../../docs/api/openapi.json"),
    gzip: false,
};
/// The contract of the routes, for generators that do not read 3.1.
pub(crate) static OPENAPI_3_0: File = File {
    purpose: "The same document in OpenAPI 3.0, for generators that do not read 3.1.",
    media_type: "application/json",
    bytes: include_bytes!("../../docs/api/openapi-3.0.json"),
    gzip: false,
};
/// The contract of the messages.
pub(crate) static ASYNCAPI: File = File {
    purpose: "The AsyncAPI 3.0 document of the messages.",
    media_type: "application/json",
    bytes: include_bytes!("../../docs/api/asyncapi.json"),
    gzip: false,
};
/// The page that shows the contract.
pub(crate) static PAGE: File = File {
    purpose: "The page that shows the contract and lets every route be tried.",
    media_type: "text/html; charset=utf-8",
    bytes: include_bytes!("../docs/index.html"),
    gzip: false,
};
/// How the page begins.
pub(crate) static PAGE_SCRIPT: File = File {
    purpose: "A part of the page.",
    media_type: "text/javascript; charset=utf-8",
    bytes: include_bytes!("../docs/page.js"),
    gzip: false,
};
/// How the page looks.
pub(crate) static PAGE_STYLE: File = File {
    purpose: "A part of the page.",
    media_type: "text/css; charset=utf-8",
    bytes: include_bytes!("../docs/page.css"),
    gzip: false,
};
/// Swagger UI's script.
pub(crate) static UI_SCRIPT: File = File {
    purpose: "A part of the page.",
    media_type: "text/javascript; charset=utf-8",
    bytes: include_bytes!("../docs/swagger-ui.js.gz"),
    gzip: true,
};
/// Swagger UI's style.
pub(crate) static UI_STYLE: File = File {
    purpose: "A part of the page.",
    media_type: "text/css; charset=utf-8",
    bytes: include_bytes!("../docs/swagger-ui.css.gz"),
    gzip: true,
};

impl File {
    /// The file as a response.
    pub(crate) fn response(&self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.bytes));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=60"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(NO_SNIFFING, HeaderValue::from_static("nosniff"));
        if self.gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}
