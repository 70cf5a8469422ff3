//! `orders.list` — lists or searches the caller's orders, a page at a time.

use std::process::ExitCode;

use contracts::orders::{ListOrders, OrderPage};
use worker_runtime::{Call, Db, Failure};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker_runtime::serve(list).await
}

async fn list(call: Call<ListOrders>, db: &Db) -> Result<OrderPage, Failure> {
    orders::list(call.caller()?, &call.data, db).await
}
