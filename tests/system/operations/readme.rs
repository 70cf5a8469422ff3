//! The README's tour works when it is pasted.

use serde_json::Value;
use system_tests::environment::{command, need, repository};
use system_tests::wait::seconds;
use system_tests::{Stack, wait_until};

/// The first block of shell commands below a heading.
#[track_caller]
fn commands_below(heading: &str) -> String {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let below = readme.split_once(&format!("\n## {heading}\n")).expect("the README has this heading").1;
    let block = below.split_once("```bash\n").expect("there are commands below it").1;
    block.split_once("```").unwrap().0.to_owned()
}

#[test]
fn the_tour_with_curl_can_be_pasted() {
    need(&["curl", "jq"]).unwrap();
    let stack = Stack::start();
    // The system under test has other ports; nothing else is changed.
    let admin = stack.admin_port.to_string();
    let tour = commands_below("A tour with curl").replace("3003", &stack.port.to_string()).replace("3004", &admin);
    let mut shell = command("bash");
    let output = shell.args(["-euo", "pipefail", "-c", &tour]).output().unwrap();
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && complained.is_empty(), "{}\n{said}\n{complained}", output.status);

    let answers: Vec<Value> = serde_json::Deserializer::from_str(&said).into_iter().map(Result::unwrap).collect();
    let with = |field: &str| answers.iter().filter(|answer| !answer[field].is_null()).cloned().collect::<Vec<_>>();
    assert_eq!(with("firstName").len(), 1, "the profile: {said}");
    let orders = with("price");
    assert!(orders.len() >= 3 && orders.iter().all(|order| order["id"] == orders[0]["id"]), "one order: {said}");
    assert!(answers.iter().any(|answer| answer.as_array().is_some_and(|list| list.len() == 1)), "the list: {said}");
    let problems = with("code");
    assert_eq!((problems.len(), &problems[0]["code"]), (1, &"invalid_input".into()), "{said}");
    assert_eq!(with("ready").len(), 1, "{said}");
    wait_until("one order was placed", seconds(2), || stack.orders_db().count("orders") == 1);
}
