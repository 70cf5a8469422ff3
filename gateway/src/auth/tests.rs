//! Invalid tokens of every kind are rejected.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::FutureExt;
use futures_util::future::join_all;
use hyper::header::HeaderValue;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, encode};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::settings::GatewaySettings;

// Created for these tests with `openssl genpkey -algorithm ed25519` and used nowhere else.
const PRIVATE: &[u8] = include_bytes!("../../tests/keys/test-only-private.pem");
const PUBLIC: &[u8] = include_bytes!("../../tests/keys/test-only-public.pem");
const PUBLIC_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/test-only-public.pem");
const OTHER_PRIVATE: &[u8] = include_bytes!("../../tests/keys/test-only-other-private.pem");

fn key_store() -> KeyStore {
    let settings = GatewaySettings { token_public_key_file: PUBLIC_FILE.into(), ..GatewaySettings::default() };
    KeyStore::open(&settings.auth()).unwrap()
}

fn auth() -> Auth {
    Auth::Tokens(Box::new(key_store()))
}

/// Valid claims with changes; `null` removes one.
fn claims(changes: &Value) -> Value {
    let mut claims = json!({"sub": "u-1", "iss": "users", "aud": "gateway", "exp": now() + 60, "iat": now()});
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        }
    }
    claims
}

fn signed(claims: &Value) -> String {
    encode(&Header::new(Algorithm::EdDSA), claims, &EncodingKey::from_ed_pem(PRIVATE).unwrap()).unwrap()
}

fn headers(values: &[&str]) -> HeaderMap {
    values.iter().map(|value| (AUTHORIZATION, HeaderValue::from_str(value).unwrap())).collect()
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
}

fn caller(auth: &Auth, headers: &HeaderMap) -> Result<String, Code> {
    run(auth.caller(headers)).map(|caller| caller.id).map_err(|error| error.code())
}

fn verdict(auth: &Auth, token: &str) -> Result<String, Code> {
    caller(auth, &headers(&[&format!("Bearer {token}")]))
}

/// The reasons for rejecting tokens; of many at once, because a reload of the keys takes time.
fn reasons(tokens: &[String]) -> Vec<Result<String, Reason>> {
    let store = key_store();
    let verdicts = tokens.iter().map(|token| verified(&store, token, now()));
    run(join_all(verdicts)).into_iter().map(|verdict| verdict.map(|caller| caller.id)).collect()
}

fn reason(token: &str) -> Result<String, Reason> {
    reasons(&[token.to_owned()]).remove(0)
}

#[test]
fn a_valid_token_names_its_subject_each_time() {
    let (auth, token) = (auth(), signed(&claims(&json!({}))));
    for _ in 0..3 {
        assert_eq!(verdict(&auth, &token), Ok("u-1".into()));
    }
    assert_eq!(verdict(&auth, &signed(&claims(&json!({"aud": ["other", "gateway"]})))), Ok("u-1".into()));
}

#[test]
fn a_missing_or_wrong_claim_makes_a_token_invalid() {
    let auth = auth();
    for change in [
        json!({"exp": null}),
        json!({"sub": null}),
        json!({"iss": null}),
        json!({"aud": null}),
        json!({"iss": "somebody"}),
        json!({"aud": "somewhere"}),
        json!({"aud": []}),
        json!({"sub": ""}),
        json!({"sub": 7}),
        json!({"sub": "a\nb"}),
        json!({"sub": "x".repeat(129)}),
        json!({"exp": "soon"}),
        json!({"exp": -1}),
        json!({"nbf": now() + 60}),
        // Expired, too, but never valid: it must not be reported as expired.
        json!({"iss": "somebody", "exp": now() - 1}),
    ] {
        assert_eq!(verdict(&auth, &signed(&claims(&change))), Err(Code::InvalidToken), "{change}");
    }
}

#[test]
fn a_token_expires_to_the_second_whether_cached_or_not() {
    assert_eq!(verdict(&auth(), &signed(&claims(&json!({"exp": now() - 1})))), Err(Code::SessionExpired));
    let exp = now() + 60;
    let token = signed(&claims(&json!({"exp": exp})));
    for times in [&[exp, exp + 1][..], &[exp - 1, exp, exp + 1]] {
        let store = key_store();
        for now in times {
            let verdict = run(verified(&store, &token, *now)).map(|caller| caller.id);
            assert_eq!(verdict, if *now < exp { Ok("u-1".into()) } else { Err(Reason::Expired) });
            let cached = store.trusted().verified().get(&Fingerprint::of(&token)).is_some();
            assert_eq!(cached, times[0] < exp, "only a valid token is cached");
        }
    }
}

#[test]
fn the_token_does_not_choose_its_algorithm() {
    let auth = auth();
    let good = signed(&claims(&json!({})));
    let [_, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else { unreachable!() };
    // {"alg":"none"}, {"alg":"None"}, {"typ":"JWT","alg":"EdDSA"} with no signature
    for forged in [
        format!("eyJhbGciOiJub25lIn0.{payload}."),
        format!("eyJhbGciOiJub25lIn0.{payload}.{signature}"),
        format!("eyJhbGciOiJOb25lIn0.{payload}."),
        format!("eyJ0eXAiOiJKV1QiLCJhbGciOiJFZERTQSJ9.{payload}."),
    ] {
        assert_eq!(verdict(&auth, &forged), Err(Code::InvalidToken), "{forged}");
    }
    let raw = DecodingKey::from_ed_pem(PUBLIC).unwrap();
    for secret in [PUBLIC, raw.try_get_as_bytes().unwrap()] {
        for algorithm in [Algorithm::HS256, Algorithm::HS512] {
            let forged =
                encode(&Header::new(algorithm), &claims(&json!({})), &EncodingKey::from_secret(secret)).unwrap();
            assert_eq!(verdict(&auth, &forged), Err(Code::InvalidToken));
        }
    }
}

#[test]
fn a_token_of_another_key_or_with_a_changed_letter_is_invalid() {
    let (auth, good) = (auth(), signed(&claims(&json!({}))));
    assert!(verdict(&auth, &good).is_ok());
    let key = EncodingKey::from_ed_pem(OTHER_PRIVATE).unwrap();
    let other = encode(&Header::new(Algorithm::EdDSA), &claims(&json!({})), &key).unwrap();
    assert_eq!(verdict(&auth, &other), Err(Code::InvalidToken));
    // Every letter of the payload and the signature matters, except the last one of the signature.
    let start = good.find('.').unwrap() + 1;
    let letters = (start..good.len() - 1).filter(|at| good.as_bytes()[*at] != b'.');
    let changed: Vec<String> = letters
        .map(|at| {
            let mut changed = good.clone();
            changed.replace_range(at..=at, if &good[at..=at] == "A" { "B" } else { "A" });
            changed
        })
        .collect();
    assert!(changed.len() > 100 && reasons(&changed).iter().all(Result::is_err));
}

#[test]
fn only_one_bearer_header_is_a_token() {
    let (auth, token) = (auth(), signed(&claims(&json!({}))));
    let verdict = |values: &[&str]| caller(&auth, &headers(values));
    let with = |scheme: &str| format!("{scheme}{token}");
    for good in ["Bearer ", "bearer ", "BEARER   "] {
        assert_eq!(verdict(&[&with(good)]), Ok("u-1".into()), "{good}");
    }
    for missing in [&["Basic dTpw"][..], &[""], &["Token x"], &[&token], &[&with("Bearer")], &[]] {
        assert_eq!(verdict(missing), Err(Code::MissingToken), "{missing:?}");
    }
    for invalid in ["Bearer", "Bearer ", "Bearer x", "Bearer a.b", "Bearer a.b.c.d", "Bearer ..", "Bearer a.b.c"] {
        assert_eq!(verdict(&[invalid]), Err(Code::InvalidToken), "{invalid}");
    }
    assert_eq!(verdict(&[&with("Bearer "), &with("Bearer ")]), Err(Code::InvalidToken));
    assert_eq!(verdict(&[&format!("{},{}", with("Bearer "), with("Bearer "))]), Err(Code::InvalidToken));
}

#[test]
fn mock_mode_accepts_any_well_formed_token() {
    // {"sub":"mockUserId","email":"user@example.com","iat":1516239022} with an arbitrary signature
    let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJtb2NrVXNlcklkIiwiZW1haWwiOiJ1c2VyQGV4YW1wbGUuY29tIiwia\
                 WF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c";
    assert_eq!(verdict(&Auth::Mock, token), Ok("mockUserId".into()));
    for bad in ["", "x", "a.b", "a.b.c", "e30.e30.", &format!("{token}.x")] {
        assert_eq!(verdict(&Auth::Mock, bad), Err(Code::InvalidToken), "{bad}");
    }
    assert_eq!(caller(&Auth::Mock, &HeaderMap::new()), Err(Code::MissingToken));
}

#[test]
fn a_key_is_selected_by_its_id_and_an_id_is_only_compared() {
    let auth = auth();
    let id = published_id();
    let named = |kid: &str, private: &[u8]| {
        let header = Header { kid: Some(kid.into()), ..Header::new(Algorithm::EdDSA) };
        encode(&header, &claims(&json!({})), &EncodingKey::from_ed_pem(private).unwrap()).unwrap()
    };
    assert_eq!(verdict(&auth, &named(&id, PRIVATE)), Ok("u-1".into()));
    assert_eq!(verdict(&auth, &named(&id, OTHER_PRIVATE)), Err(Code::InvalidToken));
    let kids = ["", "other", PUBLIC_FILE, "../../../../dev/null", "' OR '1'='1", "\0", &"k".repeat(4_000)];
    let tokens: Vec<String> = kids.iter().flat_map(|kid| [named(kid, PRIVATE), named(kid, OTHER_PRIVATE)]).collect();
    assert_eq!(reasons(&tokens), vec![Err(Reason::UnknownKey); tokens.len()]);
    // A key inside the token is ignored.
    let jwk = Jwk::from_encoding_key(&EncodingKey::from_ed_pem(OTHER_PRIVATE).unwrap(), Algorithm::EdDSA).unwrap();
    let header = Header { jwk: Some(jwk), jku: Some("http://127.0.0.1:1/".into()), ..Header::new(Algorithm::EdDSA) };
    let token = encode(&header, &claims(&json!({})), &EncodingKey::from_ed_pem(OTHER_PRIVATE).unwrap()).unwrap();
    assert_eq!(verdict(&auth, &token), Err(Code::InvalidToken));
}

fn published_id() -> String {
    let published: Value = serde_json::from_str(&key_store().published()).unwrap();
    assert_eq!(published["keys"].as_array().unwrap().len(), 1);
    let key = &published["keys"][0];
    assert_eq!(
        (&key["kty"], &key["crv"], &key["alg"], &key["use"]),
        (&json!("OKP"), &json!("Ed25519"), &json!("EdDSA"), &json!("sig"))
    );
    assert!(key.get("d").is_none(), "only the public half");
    key["kid"].as_str().unwrap().into()
}

#[test]
fn a_cached_token_costs_at_most_three_microseconds() {
    const TIMES: u32 = 1_000;
    let (store, token) = (key_store(), signed(&claims(&json!({"email": "ada@example.org", "jti": "x".repeat(36)}))));
    let hit = || verified(&store, &token, now()).now_or_never().expect("a cache hit does not wait");
    hit().unwrap();
    // The best of several rounds, to ignore other load on the machine.
    let round = |_| {
        let start = std::time::Instant::now();
        (0..TIMES).for_each(|_| drop(std::hint::black_box(hit())));
        start.elapsed() / TIMES
    };
    let best = (0..20).map(round).min().unwrap();
    println!("a hit takes {best:?}");
    assert!(best <= Duration::from_micros(3), "{best:?}");
}

/// A token with this header, signed with our key.
fn with_header(header: &Value, claims: &Value) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let key = EncodingKey::from_ed_pem(PRIVATE).unwrap();
    let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Algorithm::EdDSA).unwrap();
    format!("{signed}.{signature}")
}

#[test]
fn tokens_are_accepted_as_the_standards_say() {
    let good = |header: Value, changes: Value| {
        let token = with_header(&header, &claims(&changes));
        assert_eq!(reason(&token), Ok("u-1".into()), "{header} {changes}");
    };
    for header in [
        json!({"alg": "EdDSA"}),
        json!({"alg": "Ed25519"}),
        json!({"alg": "Ed25519", "typ": "at+jwt"}),
        json!({"alg": "EdDSA", "typ": "application/AT+JWT"}),
    ] {
        good(header, json!({}));
    }
    #[expect(clippy::cast_precision_loss, reason = "the time of a test")]
    let half = now() as f64 + 60.5;
    for changes in [
        json!({"exp": half}),
        json!({"nbf": now() + 3, "iat": now() + 3}),
        json!({"nbf": half - 60.0}),
        json!({"typ": "Bearer"}),
        json!({"sid": {"any": "thing"}}),
    ] {
        good(json!({"alg": "EdDSA"}), changes);
    }
}

#[test]
fn every_rejected_token_has_its_reason() {
    let plain = json!({"alg": "EdDSA"});
    for (header, changes, why) in [
        (json!({"alg": "EdDSA", "crit": ["b64"], "b64": false}), json!({}), Reason::Critical),
        (json!({"alg": "EdDSA", "crit": []}), json!({}), Reason::Critical),
        (json!({"alg": "EdDSA", "crit": null}), json!({}), Reason::Critical),
        (json!({"alg": "EdDSA", "typ": "id+jwt"}), json!({}), Reason::Type),
        (json!({"alg": "EdDSA", "typ": "logout+jwt"}), json!({}), Reason::Type),
        (plain.clone(), json!({"typ": "ID"}), Reason::Type),
        (plain.clone(), json!({"iss": ["users"]}), Reason::Malformed),
        (plain.clone(), json!({"iss": "somebody"}), Reason::Issuer),
        (plain.clone(), json!({"aud": "somebody"}), Reason::Audience),
        (plain.clone(), json!({"nbf": now() + 60}), Reason::NotYet),
        (plain.clone(), json!({"iat": now() + 60}), Reason::NotYet),
        (plain.clone(), json!({"exp": now() + 10_000_000}), Reason::TooLong),
        (plain.clone(), json!({"exp": 1e300}), Reason::TooLong),
        (plain.clone(), json!({"exp": now() - 1}), Reason::Expired),
        (plain.clone(), json!({"exp": "soon"}), Reason::Malformed),
        (json!({"alg": "ES256"}), json!({}), Reason::UnknownKey),
        (json!({"alg": "none"}), json!({}), Reason::UnknownKey),
        (json!({"alg": 7}), json!({}), Reason::Malformed),
    ] {
        assert_eq!(reason(&with_header(&header, &claims(&changes))), Err(why), "{header} {changes}");
    }
    let long = claims(&json!({"exp": now() + 10_000_000, "iss": "somebody"}));
    assert_eq!(reason(&with_header(&plain, &long)), Err(Reason::Issuer));
}

#[test]
fn any_number_of_unknown_keys_causes_one_reload() {
    let tokens: Vec<String> = (0..500)
        .map(|n| with_header(&json!({"alg": "EdDSA", "kid": format!("made-up-{n}")}), &claims(&json!({}))))
        .collect();
    let start = std::time::Instant::now();
    assert_eq!(reasons(&tokens), vec![Err(Reason::UnknownKey); 500]);
    assert!(start.elapsed() < Duration::from_mins(1), "they wait together, not one after another");
}

proptest! {
    #[test]
    fn no_token_causes_a_panic_and_no_forged_one_passes(
        value in vec(prop_oneof![0x20_u8..=0x7e, 0x80_u8..=0xff], 0..60),
        parts in vec(vec(any::<u8>(), 0..40), 0..5),
        alg in "(none|None|HS256|EdDSA|RS256|Ed25519|)", rest in "\\PC{0,40}", claims in "\\PC{0,60}",
    ) {
        let header = HeaderValue::from_bytes(&[&b"Bearer "[..], &value].concat()).unwrap();
        if let Err(error) = bearer(&[(AUTHORIZATION, header)].into_iter().collect()) {
            prop_assert!(matches!(error.code(), Code::MissingToken | Code::InvalidToken));
        }
        let named = json!({ "alg": alg, "kid": null, "typ": "JWT", "x": rest }).to_string();
        let good = claims_for(&claims);
        let texts: Vec<Vec<String>> = vec![
            parts.iter().map(|part| URL_SAFE_NO_PAD.encode(part)).collect(),
            parts.iter().map(|part| String::from_utf8_lossy(part).into_owned()).collect(),
            [&named, &claims, &rest].map(|part| URL_SAFE_NO_PAD.encode(part)).into(),
            [&named, &good, &rest].map(|part| URL_SAFE_NO_PAD.encode(part)).into(),
        ];
        KEYS.with(|keys| for text in texts {
            let text = text.join(".");
            let outcome = Token::read(&text).and_then(|token| checked(&keys.trusted(), &token, keys.times, now()));
            assert!(outcome.is_err(), "{text}");
        });
    }
}

thread_local! {
    static KEYS: KeyStore = key_store();
}

/// Claims that are valid except for the signature.
fn claims_for(subject: &str) -> String {
    claims(&json!({ "sub": subject })).to_string()
}
