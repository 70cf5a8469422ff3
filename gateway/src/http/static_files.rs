//! Static files: the published contract, and the page that shows it. They are embedded in the program, so nothing has to be
//! installed beside it, and the page works without the Internet.

use std::io::Read;
use std::sync::OnceLock;

use flate2::Compression;
use flate2::read::GzDecoder;
use hyper::body::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, VARY,
};
use hyper::{HeaderMap, Response};

use crate::http::negotiation::{accepts_gzip, entity_tag, gzip, matches_etag, not_modified};
use crate::http::response_body::Body;

/// An embedded file.
#[derive(Debug)]
pub struct File {
    /// Its purpose, in one sentence.
    pub purpose: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    bytes: &'static [u8],
    /// Whether these bytes are compressed.
    packed: bool,
    plain: OnceLock<Variant>,
    gzip: OnceLock<Variant>,
}

/// The file in one coding, created at the first request for it.
#[derive(Debug)]
struct Variant {
    bytes: Bytes,
    tag: HeaderValue,
}

impl Variant {
    fn of(bytes: Bytes) -> Self {
        let tag = entity_tag(&bytes);
        Self { bytes, tag }
    }
}

impl PartialEq for File {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for File {}

/// The page may load only what the gateway serves, and must not be framed.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const NO_SNIFFING: HeaderName = HeaderName::from_static("x-content-type-options");

/// The contract of the routes.
pub(crate) static OPENAPI: File = File {
    purpose: "The OpenAPI 3.1 document of these routes.",
    media_type: "application/json",
    bytes: include_bytes!("../../../docs/api/openapi.json"),
    packed: false,
    plain: OnceLock::new(),
    gzip: OnceLock::new(),
};
/// The contract of the routes, for generators that do not read 3.1.
pub(crate) static OPENAPI_3_0: File = File {
    purpose: "The same document in OpenAPI 3.0, for generators that do not read 3.1.",
    media_type: "application/json",
    bytes: include_bytes!("../../../docs/api/openapi-3.0.json"),
    packed: false,
    plain: OnceLock::new(),
    gzip: OnceLock::new(),
};
/// The contract of the messages.
pub(crate) static ASYNCAPI: File = File {
    purpose: "The AsyncAPI 3.0 document of the messages.",
    media_type: "application/json",
    bytes: include_bytes!("../../../docs/api/asyncapi.json"),
    packed: false,
    plain: OnceLock::new(),
    gzip: OnceLock::new(),
};
/// The page that shows the contract.
pub(crate) static PAGE: File = File {
    purpose: "The page that shows the contract and lets you try every route.",
    media_type: "text/html; charset=utf-8",
    bytes: include_bytes!("../../docs/index.html"),
    packed: false,
    plain: OnceLock::new(),
    gzip: OnceLock::new(),
};
/// The script of the page.
pub(crate) static PAGE_SCRIPT: File = File {
    purpose: "A part of the page.",
    media_type: "text/javascript; charset=utf-8",
    bytes: include_bytes!("../../docs/page.js"),
    packed: false,
    plain: OnceLock::new(),
    gzip: OnceLock::new(),
};
/// The style of the page.
pub(crate) static PAGE_STYLE: File = File {
    purpose: "A part of the page.",
    media_type: "text/css; charset=utf-8",
    bytes: include_bytes!("../../docs/page.css"),
    packed: false,
    plain: OnceLock::new(),
    gzip: OnceLock::new(),
};
/// Swagger UI's script.
pub(crate) static UI_SCRIPT: File = File {
    purpose: "A part of the page.",
    media_type: "text/javascript; charset=utf-8",
    bytes: include_bytes!("../../docs/swagger-ui.js.gz"),
    packed: true,
    plain: OnceLock::new(),
    gzip: OnceLock::new(),
};
/// Swagger UI's style.
pub(crate) static UI_STYLE: File = File {
    purpose: "A part of the page.",
    media_type: "text/css; charset=utf-8",
    bytes: include_bytes!("../../docs/swagger-ui.css.gz"),
    packed: true,
    plain: OnceLock::new(),
    gzip: OnceLock::new(),
};

impl File {
    /// The text of a file that is not compressed.
    pub(crate) fn text(&self) -> &'static str {
        std::str::from_utf8(self.bytes).unwrap_or_default()
    }

    /// The file as a response, in a coding that the client accepts; 304 if the client has it.
    pub(crate) fn response(&self, request: &HeaderMap) -> Response<Body> {
        let packed = accepts_gzip(request);
        let variant = if packed { self.gzip() } else { self.plain() };
        let mut response = Response::new(Body::from(variant.bytes.clone()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=60"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(NO_SNIFFING, HeaderValue::from_static("nosniff"));
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        headers.insert(ETAG, variant.tag.clone());
        if packed {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if matches_etag(request, &variant.tag) { not_modified(response) } else { response }
    }

    fn plain(&self) -> &Variant {
        let bytes = || if self.packed { unpacked(self.bytes) } else { Bytes::from_static(self.bytes) };
        self.plain.get_or_init(|| Variant::of(bytes()))
    }

    fn gzip(&self) -> &Variant {
        let level = Compression::default();
        let bytes = || if self.packed { Bytes::from_static(self.bytes) } else { gzip(self.bytes, level) };
        self.gzip.get_or_init(|| Variant::of(bytes()))
    }
}

fn unpacked(bytes: &[u8]) -> Bytes {
    let mut plain = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut plain).expect("an embedded file, which a test unpacks");
    plain.into()
}

#[cfg(test)]
mod tests {
    use hyper::StatusCode;
    use hyper::header::{ACCEPT_ENCODING, IF_NONE_MATCH};

    use super::*;

    fn get(file: &File, headers: &[(HeaderName, &str)]) -> Response<Body> {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()));
        file.response(&headers.collect())
    }

    #[test]
    fn every_file_is_served_with_and_without_gzip() {
        for file in [&OPENAPI, &OPENAPI_3_0, &ASYNCAPI, &PAGE, &PAGE_SCRIPT, &PAGE_STYLE, &UI_SCRIPT, &UI_STYLE] {
            let plain = get(file, &[]);
            let packed = get(file, &[(ACCEPT_ENCODING, "br, gzip")]);
            assert!(plain.headers().get(CONTENT_ENCODING).is_none() && packed.headers()[CONTENT_ENCODING] == "gzip");
            assert!(plain.headers()[VARY] == "Accept-Encoding" && packed.headers()[VARY] == "Accept-Encoding");
            assert_ne!(plain.headers()[ETAG], packed.headers()[ETAG], "a strong tag belongs to one coding");
            assert_eq!(unpacked(&file.gzip().bytes), file.plain().bytes);
        }
    }

    #[test]
    fn a_file_that_the_client_has_is_not_sent_again() {
        let tag = get(&OPENAPI, &[]).headers()[ETAG].to_str().unwrap().to_owned();
        assert!(tag.starts_with('"'), "{tag} is strong");
        for named in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".into()] {
            let response = get(&OPENAPI, &[(IF_NONE_MATCH, &named)]);
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{named}");
            let headers = response.headers();
            assert!(headers[ETAG] == *tag && headers.contains_key(CACHE_CONTROL) && headers.contains_key(VARY));
            assert!(!headers.contains_key(CONTENT_TYPE) && !headers.contains_key(CONTENT_ENCODING));
        }
        let packed = get(&OPENAPI, &[(IF_NONE_MATCH, &tag), (ACCEPT_ENCODING, "gzip")]);
        assert_eq!(packed.status(), StatusCode::OK, "the compressed file has another tag");
    }
}
