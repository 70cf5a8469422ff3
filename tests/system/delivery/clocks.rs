//! No clocks need to agree: deadlines are budgets.

use system_tests::Stack;
use system_tests::wait::seconds;

#[test]
fn a_worker_whose_clock_is_wrong_serves_like_any_other() {
    let stack = Stack::plan().without("orders-get").start();
    let person = stack.somebody();
    let id = person.place("on time")["id"].as_str().unwrap().to_owned();
    for offset in ["+3600s", "-3600s", "+10s", "-10s"] {
        let worker = stack.launch_with_clock("orders-get", offset);
        system_tests::wait_until("it served", seconds(15), || !worker.events("serving").is_empty());
        stack.wait_for_consumers("orders.get", 1);
        stack.wait_until_ready();
        for _ in 0..20 {
            person.get(&format!("/orders/{id}")).send().expect(200);
        }
        let word = "our clock and a caller's differ; deadlines do not depend on them";
        assert_eq!(worker.events(word).len(), 1, "{offset}: one word, and not one for each request");
        assert!(worker.stop(seconds(10)).success());
        stack.wait_until_unserved("orders.get");
    }
}
