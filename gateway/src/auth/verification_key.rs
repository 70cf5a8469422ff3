//! The public keys that verify access tokens: each belongs to one issuer and one algorithm.
//!
//! Our own issuer's keys are PEM files (Ed25519), another's are a JWKS document (RFC 7517). The key determines the
//! algorithm, never the token.

use std::path::Path;
use std::{fs, io};

use aws_lc_rs::digest::{SHA256, digest};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey};

use crate::auth::token_header::Header;

/// The most keys of a set: a token without a key id is tried with each.
const MOST_KEYS: usize = 32;

/// The issuer of tokens, and their required audience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Issuer {
    /// The `iss`.
    pub(crate) name: String,
    /// The `aud`.
    pub(crate) audience: String,
}

/// A key with its issuer and its algorithm.
pub(crate) struct Key {
    id: Option<String>,
    pub(crate) fingerprint: KeyFingerprint,
    pub(crate) issuer: Issuer,
    pub(crate) algorithm: Algorithm,
    pub(crate) decoding: DecodingKey,
}

/// Identifies a key of an issuer: the SHA-256 of both.
pub(crate) type KeyFingerprint = [u8; 32];

impl Key {
    /// `None` for a key that does not sign, or uses an unsupported algorithm. A symmetric key in a published set is no secret.
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
        let mut fingerprint = KeyFingerprint::default();
        fingerprint.copy_from_slice(digest(&SHA256, format!("{thumbprint} {}", issuer.name).as_bytes()).as_ref());
        Some(Self { id: common.key_id.clone(), fingerprint, issuer: issuer.clone(), algorithm, decoding })
    }

    /// Whether a token with this header may have been signed with this key. The `kid` is only compared.
    pub(crate) fn matches(&self, header: &Header) -> bool {
        let named = match (&header.kid, &self.id) {
            (Some(wanted), Some(id)) => wanted == id,
            _ => true,
        };
        let alg = header.alg.as_str();
        named
            && match self.algorithm {
                // RFC 9864 names the curve in the algorithm.
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
        published(&pem).ok_or_else(|| format!("which contains no Ed25519 public key ({})", file.display()))
    });
    let keys: Vec<Jwk> = keys.collect::<Result<_, _>>()?;
    if keys.is_empty() || keys.len() > MOST_KEYS {
        return Err(format!("which contains {} keys (1 to {MOST_KEYS} are allowed)", keys.len()));
    }
    Ok(JwkSet { keys })
}

/// The published form of a public key. Its id is its thumbprint (RFC 7638), as in the tokens of the user service.
fn published(pem: &[u8]) -> Option<Jwk> {
    let key = DecodingKey::from_ed_pem(pem).ok()?;
    let mut jwk = Jwk::from_decoding_key(&key, Some(Algorithm::EdDSA)).ok()?;
    jwk.common.key_id = Some(jwk.thumbprint(ThumbprintHash::SHA256).ok()?);
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    Some(jwk)
}

/// Parses another issuer's keys from a JWKS document. The error is a sentence part.
pub(crate) fn parse_jwks(text: &[u8]) -> Result<JwkSet, String> {
    #[derive(serde::Deserialize)]
    struct Document {
        keys: Vec<serde_json::Value>,
    }
    let document: Document = serde_json::from_slice(text).map_err(|_| "which is not a JWKS document".to_owned())?;
    // Unsupported kinds of keys are ignored.
    let keys: Vec<Jwk> =
        document.keys.into_iter().filter_map(|key| serde_json::from_value(with_older_name(key)).ok()).collect();
    if keys.is_empty() || keys.len() > MOST_KEYS {
        return Err(format!("which contains {} supported keys (1 to {MOST_KEYS} are allowed)", keys.len()));
    }
    Ok(JwkSet { keys })
}

/// Replaces `Ed25519`, the name of RFC 9864, by `EdDSA`, the older name that the library supports.
fn with_older_name(mut key: serde_json::Value) -> serde_json::Value {
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
    fn only_an_ed25519_public_key_is_accepted() {
        assert!(published(include_bytes!("../../tests/keys/test-only-public.pem")).is_some());
        let private = include_bytes!("../../tests/keys/test-only-private.pem");
        for bad in [private, &b""[..], b"-----BEGIN PUBLIC KEY-----\nMA==\n-----END PUBLIC KEY-----\n"] {
            assert!(published(bad).is_none());
        }
    }

    #[test]
    fn only_signing_keys_with_a_supported_algorithm_are_used() {
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
