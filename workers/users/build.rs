//! Rebuilds the migrations when a file is added to sql/users: the macro that embeds them does not notice by itself.

fn main() {
    println!("cargo:rerun-if-changed=../../sql/users");
}
