//! Clients generated from the OpenAPI document: each registers, orders, pages, reads, and handles an error.

use std::path::Path;

use system_tests::Stack;

use crate::program::{Judged, all_well, bounded, python, typescript};

#[test]
fn generated_clients_do_their_work() {
    let stack = Stack::start();
    let url = format!("http://127.0.0.1:{}", stack.port);
    let programs = [
        ("openapi-typescript", typescript("typescript", "openapi-typescript.ts")),
        ("hey-api", typescript("typescript", "hey-api.ts")),
        ("orval", typescript("typescript", "orval.ts")),
        ("openapi-python-client", python("python", Path::new("openapi_python_run.py"))),
        ("openapi-generator for Python", python("python", Path::new("openapi_generator_run.py"))),
        ("oapi-codegen", bounded("go", &["./client"])),
        ("ogen", bounded("ogen", &["./client"])),
        ("openapi-generator for Java", bounded("java", &["java", "-cp", "classes:lib/*", "Main"])),
    ];
    let programs = programs.into_iter().map(|(name, mut command)| -> Judged<'_> {
        command.env("API_URL", &url);
        (name, command, &|_| true)
    });
    all_well(programs.collect());
}
