//! Rebuilds the migrations when a file is added to sql/orders: the macro that embeds them does not notice by itself.

fn main() {
    println!("cargo:rerun-if-changed=../../sql/orders");
}
