//! The documents in `docs/api` are those of this code.

use std::fs;
use std::path::Path;

#[test]
fn the_written_documents_match_the_code() {
    let directory = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api"));
    for (name, text) in contract_docs::documents() {
        let written = fs::read_to_string(directory.join(&name)).unwrap_or_default();
        assert!(written == text, "docs/api/{name} is out of date: run scripts/api and commit the result");
    }
}
