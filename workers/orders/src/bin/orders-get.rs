//! `orders.get` — shows one order to its owner.

use std::process::ExitCode;

use contracts::Code;
use contracts::orders::{GetOrder, OrderDetail};
use orders::{Customers, order, order_columns};
use runtime::StartError;
use worker_runtime::{Call, Context, Db, Dependencies, Failure};

const FIND: &str = concat!("SELECT ", order_columns!(), " FROM orders WHERE id = $1");

/// The database, and a cache of customers.
struct Books {
    db: Db,
    customers: Customers,
}

impl Dependencies for Books {
    async fn open(context: &mut Context<'_>) -> Result<Self, StartError> {
        Ok(Self { db: Db::open(context).await?, customers: Customers::default() })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker_runtime::serve(get).await
}

async fn get(call: Call<GetOrder>, books: &Books) -> Result<OrderDetail, Failure> {
    let caller = call.caller()?;
    let row = books.db.row(FIND, &[&call.data.id]).await?;
    let row = row.ok_or_else(|| Failure::answer(Code::OrderNotFound, "There is no order with this id."))?;
    let order = order(&row);
    if order.user_id != caller {
        return Err(Failure::answer(Code::PermissionDenied, "This order belongs to somebody else."));
    }
    let customer = books.customers.find(caller, &books.db).await?;
    Ok(OrderDetail { order, customer })
}
