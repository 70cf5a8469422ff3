//! `orders.get` — shows one order to the user whose order it is.

use std::process::ExitCode;

use contracts::Code;
use contracts::orders::{GetOrder, Order};
use orders::{order, order_columns};
use worker::{Call, Db, Failure};

const FIND: &str = concat!("SELECT ", order_columns!(), " FROM orders WHERE id = $1");

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker::serve(get).await
}

async fn get(call: Call<GetOrder>, db: &Db) -> Result<Order, Failure> {
    let caller = call.caller()?;
    let row = db.row(FIND, &[&call.data.id]).await?;
    let row = row.ok_or_else(|| Failure::answer(Code::OrderNotFound, "There is no order with this id."))?;
    let order = order(&row);
    if order.user_id == caller {
        Ok(order)
    } else {
        Err(Failure::answer(Code::PermissionDenied, "This order belongs to somebody else."))
    }
}
