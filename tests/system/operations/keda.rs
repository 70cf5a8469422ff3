//! The ScaledObjects of ops/keda: one for each request pattern, as generated.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use contracts::PATTERNS;
use contracts::naming::process_name;
use system_tests::environment::{repository, scratch, script};

/// The manifests of a directory, by name, without KEDA's access to the broker.
fn manifests(directory: &Path) -> BTreeMap<String, String> {
    let files = fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
    let named = files.map(|file| (file.file_stem().unwrap().to_str().unwrap().to_owned(), file));
    let scaled = named.filter(|(name, _)| name != "authentication");
    scaled.map(|(name, file)| (name, fs::read_to_string(file).unwrap())).collect()
}

#[test]
fn exactly_the_patterns_have_scaled_objects() {
    let to = scratch().join("data").join("keda");
    let output = script("keda").arg(&to).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let kept = manifests(&repository().join("ops/keda"));
    assert_eq!(kept, manifests(&to), "ops/keda is not as scripts/keda writes it: run it");
    let mut wanted: Vec<String> = PATTERNS.into_iter().map(process_name).collect();
    wanted.sort_unstable();
    assert_eq!(kept.keys().cloned().collect::<Vec<_>>(), wanted);
    for pattern in PATTERNS {
        let manifest = &kept[&process_name(pattern)];
        assert_eq!(manifest.matches(&format!("queueName: {pattern}\n")).count(), 2, "{pattern}: {manifest}");
    }
}
