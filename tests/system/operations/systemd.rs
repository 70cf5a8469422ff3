//! The units of ops/systemd: as generated, valid, confined, and with all that each program needs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use system_tests::environment::{command, need, program, programs, repository, script};
use system_tests::keys::{directory, openssl};

/// What `systemd-analyze security` may find at most, in tenths: 20 is an exposure of 2.0.
const EXPOSURE: &str = "--threshold=20";

/// The units of a directory: name and text.
fn units(directory: &Path) -> BTreeMap<String, String> {
    let files = fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
    let units = files.filter(|path| path.extension().is_some_and(|extension| extension == "service"));
    units
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap()))
        .collect()
}

/// Writes units for programs in a directory, beside the target and the drop-in.
fn written(programs: &Path) -> std::path::PathBuf {
    let to = directory("units");
    let output = script("systemd-units").arg(&to).env("PROGRAMS_DIR", programs).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let from = repository().join("ops/systemd");
    fs::create_dir(to.join("signalbox-.service.d")).unwrap();
    for file in ["signalbox.target", "signalbox-.service.d/10-common.conf"] {
        fs::copy(from.join(file), to.join(file)).unwrap();
    }
    to
}

#[test]
fn every_program_has_the_unit_that_the_script_generates() {
    let wanted = units(&written(Path::new("/usr/local/lib/signalbox")));
    let kept = units(&repository().join("ops/systemd"));
    assert!(wanted.len() > 20, "{:?}", wanted.keys());
    assert_eq!(kept, wanted, "ops/systemd is not as scripts/systemd-units writes it: run it");
}

#[test]
fn units_are_valid_and_confined() {
    need(&["systemd-analyze"]).unwrap();
    let to = written(programs());
    let files: Vec<_> = units(&to).keys().map(|name| to.join(name)).collect();
    // The colon adds systemd's own units.
    let path = format!("{}:", to.display());
    let verified =
        command("systemd-analyze").env("SYSTEMD_UNIT_PATH", &path).args(["verify", "--man=no"]).args(&files).output();
    let said = String::from_utf8(verified.unwrap().stderr).unwrap();
    let ours: Vec<_> = said.lines().filter(|line| line.contains("signalbox")).collect();
    assert_eq!(ours, [""; 0]);
    for file in files {
        // A template is judged by one of its instances.
        let file = file.to_str().unwrap().replace("@.", "@1.");
        let judged = command("systemd-analyze")
            .env("SYSTEMD_UNIT_PATH", &path)
            .args(["security", "--offline=true", "--no-pager", EXPOSURE, &file])
            .output()
            .unwrap();
        assert!(judged.status.success(), "{file}: {}", String::from_utf8_lossy(&judged.stdout));
    }
}

#[test]
fn a_unit_passes_its_program_what_it_needs_and_nothing_else() {
    let credentials = directory("credentials");
    openssl(&credentials, &["genpkey", "-algorithm", "ed25519", "-out", "USERS_TOKEN_PRIVATE_KEY_FILE"]);
    openssl(&credentials, &["pkey", "-in", "USERS_TOKEN_PRIVATE_KEY_FILE", "-pubout", "-out", "public.pem"]);
    for (name, url) in [
        ("AMQP_URL", "amqp://somebody:secret@127.0.0.1:5672/%2f"),
        ("USERS_DATABASE_URL", "postgres://somebody:secret@127.0.0.1:5432/users"),
        ("ORDERS_DATABASE_URL", "postgres://somebody:secret@127.0.0.1:5432/orders"),
    ] {
        fs::write(credentials.join(name), url).unwrap();
    }
    for (unit, text) in units(&repository().join("ops/systemd")) {
        let name = unit.trim_start_matches("signalbox-").trim_end_matches(".service").trim_end_matches('@');
        let environment: Vec<_> =
            text.lines().filter_map(|line| line.strip_prefix("Environment=")?.split_once('=')).collect();
        let check = |without: Option<&str>| {
            let handed = environment.iter().filter(|(variable, _)| Some(*variable) != without);
            let places = handed.map(|(variable, value)| {
                let value = value.replace("%d", credentials.to_str().unwrap());
                (variable, value.replace("/etc/signalbox/keys", credentials.join("public.pem").to_str().unwrap()))
            });
            command(program(name)).arg("--check-config").envs(places).output().unwrap()
        };
        let fine = check(None);
        assert!(fine.status.success(), "{unit}: {}", String::from_utf8_lossy(&fine.stderr));
        // Of the variables, only addresses have defaults.
        for (variable, _) in environment.iter().filter(|(variable, _)| !variable.ends_with("_URL_FILE")) {
            assert_eq!(check(Some(variable)).status.code(), Some(64), "{unit} does not need {variable}");
        }
    }
}
