//! `orders.get` — shows one order to the user whose order it is.

use std::process::ExitCode;

use contracts::Code;
use contracts::orders::{Customer, GetOrder, OrderDetail};
use orders::{order, order_columns};
use worker::db::Row;
use worker::{Call, Db, Failure};

const FIND: &str = concat!(
    "SELECT ",
    order_columns!(),
    ", email, first_name, last_name FROM orders LEFT JOIN customers USING (user_id) WHERE id = $1"
);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker::serve(get).await
}

async fn get(call: Call<GetOrder>, db: &Db) -> Result<OrderDetail, Failure> {
    let caller = call.caller()?;
    let row = db.row(FIND, &[&call.data.id]).await?;
    let row = row.ok_or_else(|| Failure::answer(Code::OrderNotFound, "There is no order with this id."))?;
    let order = order(&row);
    if order.user_id == caller {
        Ok(OrderDetail { order, customer: customer(&row) })
    } else {
        Err(Failure::answer(Code::PermissionDenied, "This order belongs to somebody else."))
    }
}

/// Who that is; nothing while the order service has not heard of this user.
fn customer(row: &Row) -> Option<Customer> {
    let email: Option<String> = row.get("email");
    Some(Customer { email: email?, first_name: row.get("first_name"), last_name: row.get("last_name") })
}
