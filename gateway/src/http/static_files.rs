//! What the gateway hands out as it stands: the published contract, and the page that shows it. All of it is inside the
//! program, so nothing has to be installed beside it, and the page works without the internet.

use std::io::Read;
use std::sync::OnceLock;

use flate2::read::GzDecoder;
use hyper::body::Bytes;
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
    VARY,
};
use hyper::{HeaderMap, Response};

use crate::http::response_body::Body;

/// A file inside the program.
#[derive(Debug)]
pub struct File {
    /// What it is for, in one sentence.
    pub purpose: &'static str,
    /// What it is.
    pub media_type: &'static str,
    bytes: &'static [u8],
    gzip: Option<Plain>,
}

/// Kept compressed, and sent so to every browser; for who does not take that it is unpacked, once.
type Plain = OnceLock<Bytes>;

impl PartialEq for File {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for File {}

/// The page loads what comes from here, and nothing else; nobody may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const NO_SNIFFING: HeaderName = HeaderName::from_static("x-content-type-options");

/// The contract of the routes.
pub(crate) static OPENAPI: File = File {
    purpose: "The OpenAPI 3.1 document of these routes.",
    media_type: "application/json",
    bytes: include_bytes!("../../../docs/api/openapi.json"),
    gzip: None,
};
/// The contract of the routes, for generators that do not read 3.1.
pub(crate) static OPENAPI_3_0: File = File {
    purpose: "The same document in OpenAPI 3.0, for generators that do not read 3.1.",
    media_type: "application/json",
    bytes: include_bytes!("../../../docs/api/openapi-3.0.json"),
    gzip: None,
};
/// The contract of the messages.
pub(crate) static ASYNCAPI: File = File {
    purpose: "The AsyncAPI 3.0 document of the messages.",
    media_type: "application/json",
    bytes: include_bytes!("../../../docs/api/asyncapi.json"),
    gzip: None,
};
/// The page that shows the contract.
pub(crate) static PAGE: File = File {
    purpose: "The page that shows the contract and lets every route be tried.",
    media_type: "text/html; charset=utf-8",
    bytes: include_bytes!("../../docs/index.html"),
    gzip: None,
};
/// How the page begins.
pub(crate) static PAGE_SCRIPT: File = File {
    purpose: "A part of the page.",
    media_type: "text/javascript; charset=utf-8",
    bytes: include_bytes!("../../docs/page.js"),
    gzip: None,
};
/// How the page looks.
pub(crate) static PAGE_STYLE: File = File {
    purpose: "A part of the page.",
    media_type: "text/css; charset=utf-8",
    bytes: include_bytes!("../../docs/page.css"),
    gzip: None,
};
/// Swagger UI's script.
pub(crate) static UI_SCRIPT: File = File {
    purpose: "A part of the page.",
    media_type: "text/javascript; charset=utf-8",
    bytes: include_bytes!("../../docs/swagger-ui.js.gz"),
    gzip: Some(Plain::new()),
};
/// Swagger UI's style.
pub(crate) static UI_STYLE: File = File {
    purpose: "A part of the page.",
    media_type: "text/css; charset=utf-8",
    bytes: include_bytes!("../../docs/swagger-ui.css.gz"),
    gzip: Some(Plain::new()),
};

impl File {
    /// The file as a response, coded as the request allows.
    pub(crate) fn response(&self, request: &HeaderMap) -> Response<Body> {
        let packed = self.gzip.is_some() && takes_gzip(request);
        let body = match &self.gzip {
            Some(plain) if !packed => plain.get_or_init(|| unpacked(self.bytes)).clone().into(),
            _ => Body::from(self.bytes),
        };
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=60"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(NO_SNIFFING, HeaderValue::from_static("nosniff"));
        if self.gzip.is_some() {
            headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        if packed {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

fn unpacked(bytes: &[u8]) -> Bytes {
    let mut plain = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut plain).expect("a file inside the program, which a test unpacks");
    plain.into()
}

/// Whether gzip is what the client takes, and no less gladly than the file as it is (RFC 9110, section 12.5.3). Who does not
/// say anything may not be able to unpack it.
fn takes_gzip(request: &HeaderMap) -> bool {
    let (mut gzip, mut identity, mut any) = (None, None, None);
    for value in request.get_all(ACCEPT_ENCODING) {
        let Ok(value) = value.to_str() else { return false };
        for item in value.split(',') {
            let (coding, parameters) = item.split_once(';').unwrap_or((item, ""));
            let Some(weight) = weight(parameters) else { continue };
            match coding.trim().to_ascii_lowercase().as_str() {
                "gzip" | "x-gzip" => gzip = Some(weight),
                "identity" => identity = Some(weight),
                "*" => any = Some(weight),
                _ => {}
            }
        }
    }
    let gzip = gzip.or(any).unwrap_or(0);
    gzip > 0 && gzip >= identity.unwrap_or(0)
}

/// A weight in thousandths; without one it is 1. `None` where it is none.
fn weight(parameters: &str) -> Option<u16> {
    let parameters = parameters.trim();
    if parameters.is_empty() {
        return Some(1_000);
    }
    let (name, value) = parameters.split_once('=')?;
    let weight: f32 = value.trim().parse().ok().filter(|weight| (0.0..=1.0).contains(weight))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
    name.trim().eq_ignore_ascii_case("q").then_some((weight * 1_000.0).round() as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_goes_only_to_who_takes_it() {
        let takes = |values: &[&str]| {
            takes_gzip(&values.iter().map(|value| (ACCEPT_ENCODING, HeaderValue::from_str(value).unwrap())).collect())
        };
        for good in [
            "gzip",
            "GZIP",
            "gzip, deflate, br",
            "br;q=1.0, gzip;q=0.8, *;q=0.1",
            "*",
            "deflate, *;q=0.5",
            "x-gzip",
            "identity;q=0.5, gzip",
            "gzip ; q=1",
            "gzip;q=0.001",
            "gzip;Q=1.000",
        ] {
            assert!(takes(&[good]), "{good}");
        }
        for bad in [
            "",
            "gzip;q=0",
            "gzip;q=0.000",
            "*;q=0",
            "identity",
            "gzip;q=0, *",
            "br",
            "identity, gzip;q=0.5",
            "gzip;q=x",
            "gzip;q=2",
            "gzipped",
        ] {
            assert!(!takes(&[bad]), "{bad}");
        }
        assert!(!takes(&[]) && takes(&["br", "gzip"]) && !takes(&["gzip", "gzip;q=0"]));
    }

    #[test]
    fn a_packed_file_can_be_had_as_it_is() {
        for file in [&UI_SCRIPT, &UI_STYLE] {
            let response = file.response(&HeaderMap::new());
            assert!(
                !response.headers().contains_key(CONTENT_ENCODING) && response.headers()[VARY] == "Accept-Encoding"
            );
            assert!(unpacked(file.bytes).len() > file.bytes.len());
        }
        assert!(!PAGE.response(&HeaderMap::new()).headers().contains_key(VARY));
    }
}
