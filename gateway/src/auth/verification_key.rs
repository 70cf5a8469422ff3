//! Public keys that access tokens are verified with: each belongs to one issuer and serves one algorithm.
//!
//! Our own issuer's keys come as PEM files (Ed25519), another's as a JWKS document (RFC 7517). Either way the key decides
//! the algorithm, never the token.

use std::path::Path;
use std::{fs, io};

use aws_lc_rs::digest::{SHA256, digest};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey};

use crate::auth::token_header::Header;

/// More keys than this are no key set: each unnamed one would be tried.
const MOST_KEYS: usize = 32;

/// Who signs tokens, and whom they must be meant for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Issuer {
    /// The `iss`.
    pub(crate) name: String,
    /// The `aud`.
    pub(crate) audience: String,
}

/// A key, whose it is and which algorithm it serves.
pub(crate) struct Key {
    id: Option<String>,
    pub(crate) print: KeyPrint,
    pub(crate) issuer: Issuer,
    pub(crate) algorithm: Algorithm,
    pub(crate) decoding: DecodingKey,
}

/// Tells a key of an issuer from every other: the SHA-256 of both.
pub(crate) type KeyPrint = [u8; 32];

impl Key {
    /// `None` for a key that signs nothing, or by no algorithm of ours. A symmetric key in a published set is no secret.
    pub(crate) fn of(jwk: &Jwk, issuer: &Issuer) -> Option<Self> {
        let algorithm = match &jwk.algorithm {
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
            AlgorithmParameters::RSA(_) => Algorithm::RS256,
            _ => return None,
        };
        let common = &jwk.common;
        let declared = common.key_algorithm.is_none_or(|declared| declared == KeyAlgorithm::from(algorithm));
        let signs = common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature);
        let decoding = DecodingKey::from_jwk(jwk).ok().filter(|_| declared && signs)?;
        let thumbprint = jwk.thumbprint(ThumbprintHash::SHA256).ok()?;
        let mut print = KeyPrint::default();
        print.copy_from_slice(digest(&SHA256, format!("{thumbprint} {}", issuer.name).as_bytes()).as_ref());
        Some(Self { id: common.key_id.clone(), print, issuer: issuer.clone(), algorithm, decoding })
    }

    /// Whether a token with this header may have been signed with it. The `kid` is a name to compare, nothing more.
    pub(crate) fn fits(&self, header: &Header) -> bool {
        let named = match (&header.kid, &self.id) {
            (Some(wanted), Some(id)) => wanted == id,
            _ => true,
        };
        let alg = header.alg.as_str();
        named
            && match self.algorithm {
                // RFC 9864 gives the one curve a name of its own.
                Algorithm::EdDSA => matches!(alg, "EdDSA" | "Ed25519"),
                Algorithm::ES256 => alg == "ES256",
                Algorithm::RS256 => alg == "RS256",
                _ => false,
            }
    }
}

/// Our own issuer's keys: one PEM file, or every `.pem` file of a directory. The error is a sentence part.
pub(crate) fn read_pem(path: &Path) -> Result<JwkSet, String> {
    let unreadable = |error: io::Error| format!("which cannot be read ({error})");
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        let entries = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(unreadable)?;
        files =
            entries.iter().map(fs::DirEntry::path).filter(|file| file.extension() == Some("pem".as_ref())).collect();
        files.sort();
    }
    let keys = files.iter().map(|file| {
        let pem = fs::read(file).map_err(unreadable)?;
        published(&pem).ok_or_else(|| format!("which holds no Ed25519 public key ({})", file.display()))
    });
    let keys: Vec<Jwk> = keys.collect::<Result<_, _>>()?;
    if keys.is_empty() || keys.len() > MOST_KEYS {
        return Err(format!("which holds {} keys (1 to {MOST_KEYS} are taken)", keys.len()));
    }
    Ok(JwkSet { keys })
}

/// A public key as it is published, named by its thumbprint (RFC 7638), as the user service names it in its tokens.
fn published(pem: &[u8]) -> Option<Jwk> {
    let key = DecodingKey::from_ed_pem(pem).ok()?;
    let mut jwk = Jwk::from_decoding_key(&key, Some(Algorithm::EdDSA)).ok()?;
    jwk.common.key_id = Some(jwk.thumbprint(ThumbprintHash::SHA256).ok()?);
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    Some(jwk)
}

/// Another issuer's keys, from the text of a JWKS document. The error is a sentence part.
pub(crate) fn parse_jwks(text: &[u8]) -> Result<JwkSet, String> {
    #[derive(serde::Deserialize)]
    struct Document {
        keys: Vec<serde_json::Value>,
    }
    let document: Document = serde_json::from_slice(text).map_err(|_| "which holds no JWKS document".to_owned())?;
    // A kind of key that is not known here is no reason to refuse the others.
    let keys: Vec<Jwk> =
        document.keys.into_iter().filter_map(|key| serde_json::from_value(known_by_its_older_name(key)).ok()).collect();
    if keys.is_empty() || keys.len() > MOST_KEYS {
        return Err(format!("which holds {} keys that are understood (1 to {MOST_KEYS} are taken)", keys.len()));
    }
    Ok(JwkSet { keys })
}

/// `Ed25519` is the name of RFC 9864 for what the library knows as `EdDSA`, for the one curve that it serves.
fn known_by_its_older_name(mut key: serde_json::Value) -> serde_json::Value {
    if key["crv"] == "Ed25519" && key["alg"] == "Ed25519" {
        key["alg"] = "EdDSA".into();
    }
    key
}

/// The same from a file.
pub(crate) fn read_jwks(path: &Path) -> Result<JwkSet, String> {
    parse_jwks(&fs::read(path).map_err(|error| format!("which cannot be read ({error})"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_ed25519_public_key_is_a_key_of_ours() {
        assert!(published(include_bytes!("../../tests/keys/test-only-public.pem")).is_some());
        let private = include_bytes!("../../tests/keys/test-only-private.pem");
        for bad in [private, &b""[..], b"-----BEGIN PUBLIC KEY-----\nMA==\n-----END PUBLIC KEY-----\n"] {
            assert!(published(bad).is_none());
        }
    }

    #[test]
    fn of_a_published_set_only_keys_that_sign_by_a_known_algorithm_are_used() {
        let ed = r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;
        let issuer = Issuer { name: "i".into(), audience: "a".into() };
        let used = |keys: &str| {
            let set = parse_jwks(format!(r#"{{"keys":[{keys}]}}"#).as_bytes())?;
            Ok::<_, String>(set.keys.iter().filter_map(|jwk| Key::of(jwk, &issuer)).count())
        };
        assert_eq!(used(&format!("{{{ed}}}")), Ok(1));
        assert_eq!(used(&format!(r#"{{{ed},"use":"sig","alg":"EdDSA","kid":"k"}}"#)), Ok(1));
        assert_eq!(used(&format!(r#"{{{ed},"alg":"Ed25519"}}"#)), Ok(1));
        for unfit in [
            format!(r#"{{{ed},"use":"enc"}}"#),
            format!(r#"{{{ed},"alg":"ES256"}}"#),
            r#"{"kty":"oct","k":"c2VjcmV0","alg":"HS256"}"#.into(),
            r#"{"kty":"oct","k":"c2VjcmV0"}"#.into(),
            r#"{"kty":"new"}"#.into(),
        ] {
            assert_eq!(used(&unfit), Ok(0), "{unfit}");
        }
        for no_set in ["", "7", "{"] {
            assert!(used(no_set).is_err(), "{no_set}");
        }
        assert!(used(&vec![format!("{{{ed}}}"); 33].join(",")).is_err());
    }
}
