//! Tests settings with generated input: each is read or rejected in one printable line, and no error quotes a secret.

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;

/// Part of every secret value, and of nothing else.
const SECRET: &str = "4711hunter2";

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vault {
    limit: u16,
    open: bool,
    name: String,
    url: String,
    pin_secret: u64,
    has_password: bool,
    kind_of_credentials: Kind,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Iron,
}

impl Default for Vault {
    fn default() -> Self {
        Self {
            limit: 7,
            open: false,
            name: "v".into(),
            url: String::new(),
            pin_secret: 0,
            has_password: false,
            kind_of_credentials: Kind::Iron,
        }
    }
}

impl Section for Vault {
    const NAME: &'static str = "vault";

    fn check(&self) -> Vec<Problem> {
        let (spaced, none) = (self.url.contains(' '), self.limit == 0);
        let spaced = spaced.then(|| ("url", "must have no spaces".into()));
        spaced.into_iter().chain(none.then(|| ("limit", "must be at least 1".into()))).collect()
    }
}

const OPEN: [&str; 3] = ["limit", "open", "name"];
const SECRETS: [&str; 4] = ["url", "pin_secret", "has_password", "kind_of_credentials"];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => any::<String>(),
        2 => "-?[0-9]{1,25}(\\.[0-9])?",
        2 => "(true|false|TRUE| true |null|\\[1\\]|\\{a=1\\}|\"x\"|inf|nan|0x1F|1e3)",
        1 => "[\u{0}-\u{1f}\u{7f}-\u{9f}\u{202e}]{0,80}",
    ]
}

fn secret() -> impl Strategy<Value = String> {
    // A value that looks like a path may be shown if the variable ends with `_FILE`.
    (text(), text()).prop_map(|(before, after)| format!("{}{SECRET}{after}", before.trim_start_matches(['.', '/'])))
}

fn read(variables: Vec<(String, String)>) -> Result<Vault, String> {
    Settings::from_variables(variables.into_iter())
        .and_then(|mut settings| settings.section::<Vault>())
        .map_err(|error| error.to_string())
}

fn is_plain(error: &str) -> bool {
    let plain = |line: &str| line.starts_with("VAULT_") && !line.contains(char::is_control);
    error.split('\n').all(plain) && !error.contains(SECRET)
}

proptest! {
    #[test]
    fn a_variable_is_read_or_rejected_and_a_secret_is_never_quoted(
        open in prop::sample::select(&OPEN[..]), value in text(),
        hidden in prop::sample::select(&SECRETS[..]), secret in secret(), by_file in any::<bool>(),
    ) {
        let hidden = format!("VAULT_{}{}", hidden.to_uppercase(), if by_file { "_FILE" } else { "" });
        let variables = vec![(format!("VAULT_{}", open.to_uppercase()), value), (hidden, secret)];
        if let Err(error) = read(variables.clone()) {
            prop_assert!(is_plain(&error), "{error:?}");
        }
        // Each alone, too.
        for variable in variables {
            if let Err(error) = read(vec![variable]) {
                prop_assert!(is_plain(&error), "{error:?}");
            }
        }
    }

    #[test]
    fn text_is_taken_literally(name in any::<String>()) {
        prop_assert_eq!(read(vec![("VAULT_NAME".into(), name.clone())]).map(|vault| vault.name), Ok(name));
    }

    #[test]
    fn a_file_is_read_or_rejected_and_its_secrets_are_never_quoted(
        key in prop_oneof![prop::sample::select(&SECRETS[..]).prop_map(str::to_owned), "[a-z_]{1,12}"],
        value in prop_oneof![
            Just(format!("\"{SECRET}\"")), Just(SECRET.to_owned()), Just(format!("[\"{SECRET}\"]")),
            Just(format!("{{ a = \"{SECRET}\" }}")), Just(format!("\"\"\"\n{SECRET}")), Just("-4711".to_owned()),
            Just("true".to_owned()), Just("1.5".to_owned()), Just("1979-05-27".to_owned()),
        ],
        around in "[\\[\\]=\"\n a-c0-2.#]{0,20}",
    ) {
        let path = std::env::temp_dir().join(format!("vault-{}.toml", std::process::id()));
        std::fs::write(&path, format!("{around}\n[vault]\n{key} = {value}\n")).unwrap();
        if let Err(error) = read(vec![("CONFIG_FILE".into(), path.to_string_lossy().into_owned())]) {
            let plain = error.split('\n').all(|line| !line.contains(char::is_control));
            prop_assert!(plain && !error.contains(SECRET), "{error:?}");
        }
    }
}
