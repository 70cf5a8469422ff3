//! The statements that list and search orders. Each does a bounded amount of work, however many orders there are.
//!
//! All have the same parameters: `$1` user, `$2` and `$3` from and to, `$4` and `$5` the minimum and the maximum in
//! cents, `$6` and `$7` the position to continue from (microseconds since 1970 or cents, and an id), `$8` how many rows
//! are wanted, `$9` the LIKE pattern of the text, `$10` how many rows are searched.

use contracts::Sort;

use crate::order_columns;

/// Gives every parameter a type, because no statement uses all of them.
macro_rules! with_parameters {
    () => {
        "WITH given AS (SELECT $1::text, $2::timestamptz, $3::timestamptz, $4::bigint, $5::bigint, $6::bigint, $7::uuid,
                               $8::bigint, $9::text, $10::bigint)"
    };
}

/// The text in lower case by ICU's rules, exactly as the index has it.
macro_rules! text {
    () => {
        "lower((title || E'\n' || description) COLLATE \"und-x-icu\")"
    };
}

macro_rules! is_like {
    () => {
        concat!(text!(), " LIKE lower($9 COLLATE \"und-x-icu\")")
    };
}

macro_rules! in_time {
    () => {
        "created_at >= $2 AND created_at < $3"
    };
}

macro_rules! in_price {
    () => {
        "price >= $4::numeric / 100 AND price <= $5::numeric / 100"
    };
}

macro_rules! matches {
    () => {
        concat!(in_time!(), " AND ", in_price!(), " AND ($9 IS NULL OR ", is_like!(), ")")
    };
}

/// The statements of one sort order: the order, the position to continue from, the bounds of the sort key, the key as a
/// number; then the other index's order and bounds.
macro_rules! statements {
    ($order:literal, $beyond:literal, $within:expr, $key:literal, $other_order:literal, $other_within:expr) => {
        Statements {
            all: concat!(
                with_parameters!(),
                " SELECT ",
                order_columns!(),
                " FROM orders
                 WHERE user_id = $1 AND ",
                $beyond,
                " AND ",
                $within,
                " ORDER BY ",
                $order,
                " LIMIT $8"
            ),
            near: concat!(
                with_parameters!(),
                " SELECT ",
                order_columns!(),
                " FROM (SELECT * FROM orders
                     WHERE user_id = $1 AND ",
                $beyond,
                " AND ",
                $within,
                " ORDER BY ",
                $order,
                " LIMIT $10) AS near
                 WHERE ",
                matches!(),
                " ORDER BY ",
                $order,
                " LIMIT $8"
            ),
            end: concat!(
                with_parameters!(),
                " SELECT ",
                $key,
                " AS key, id FROM orders
                 WHERE user_id = $1 AND ",
                $beyond,
                " AND ",
                $within,
                " ORDER BY ",
                $order,
                " OFFSET $10 - 1 LIMIT 1"
            ),
            by_text: concat!(
                with_parameters!(),
                ", found AS MATERIALIZED (SELECT * FROM orders
                     WHERE user_id = $1 AND ",
                is_like!(),
                " AND ",
                in_time!(),
                " AND ",
                in_price!(),
                " AND ",
                $beyond,
                "
                     LIMIT $10)
                 SELECT seen, page.* FROM (SELECT count(*) AS seen FROM found) AS seen
                 LEFT JOIN (SELECT ",
                order_columns!(),
                " FROM found ORDER BY ",
                $order,
                " LIMIT $8) AS page ON true"
            ),
            by_other: concat!(
                with_parameters!(),
                ", near AS MATERIALIZED (SELECT * FROM orders
                     WHERE user_id = $1 AND ",
                $other_within,
                " ORDER BY ",
                $other_order,
                " LIMIT $10)
                 SELECT seen, page.* FROM (SELECT count(*) AS seen FROM near) AS seen
                 LEFT JOIN (SELECT ",
                order_columns!(),
                " FROM near WHERE ",
                matches!(),
                " AND ",
                $beyond,
                "
                     ORDER BY ",
                $order,
                " LIMIT $8) AS page ON true"
            ),
        }
    };
}

macro_rules! by_time {
    ($order:literal, $beyond:literal) => {
        statements!(
            $order,
            $beyond,
            in_time!(),
            "(extract(epoch FROM created_at) * 1000000)::bigint",
            "price, id",
            in_price!()
        )
    };
}

macro_rules! by_price {
    ($order:literal, $beyond:literal) => {
        statements!($order, $beyond, in_price!(), "(price * 100)::bigint", "created_at DESC, id DESC", in_time!())
    };
}

/// The statements of one sort order.
pub(crate) struct Statements {
    /// The rows within the bounds of the sort key.
    pub(crate) all: &'static str,
    /// The matching rows among the next `$10`.
    pub(crate) near: &'static str,
    /// The last of the next `$10` rows; no row if there are fewer.
    pub(crate) end: &'static str,
    /// By the text index: how many were found, up to `$10`, in `seen`, and the first `$8` of them.
    pub(crate) by_text: &'static str,
    /// By the other index: how many were searched, up to `$10`, in `seen`, and the first `$8` matches.
    pub(crate) by_other: &'static str,
}

#[rustfmt::skip]
const NEWEST: Statements = by_time!("created_at DESC, id DESC", "(created_at, id) < ('epoch'::timestamptz + $6 * interval '1 microsecond', $7)");
#[rustfmt::skip]
const OLDEST: Statements = by_time!("created_at, id", "(created_at, id) > ('epoch'::timestamptz + $6 * interval '1 microsecond', $7)");
const PRICE_DESC: Statements = by_price!("price DESC, id DESC", "(price, id) < ($6::numeric / 100, $7)");
const PRICE_ASC: Statements = by_price!("price, id", "(price, id) > ($6::numeric / 100, $7)");

/// The statements of a sort order.
pub(crate) const fn statements(sort: Sort) -> &'static Statements {
    match sort {
        Sort::Newest => &NEWEST,
        Sort::Oldest => &OLDEST,
        Sort::PriceDesc => &PRICE_DESC,
        Sort::PriceAsc => &PRICE_ASC,
    }
}

/// How many orders there are within the bounds of time, up to `$8`.
pub(crate) const COUNT_BY_TIME: &str = concat!(
    with_parameters!(),
    " SELECT count(*) FROM (SELECT FROM orders WHERE user_id = $1 AND ",
    in_time!(),
    " LIMIT $8) AS counted"
);
/// The same within the bounds of price.
pub(crate) const COUNT_BY_PRICE: &str = concat!(
    with_parameters!(),
    " SELECT count(*) FROM (SELECT FROM orders WHERE user_id = $1 AND ",
    in_price!(),
    " LIMIT $8) AS counted"
);
/// How many match among the latest `$10`, up to `$8`.
pub(crate) const COUNT_NEAR: &str = concat!(
    with_parameters!(),
    " SELECT count(*) FROM (SELECT FROM (SELECT * FROM orders WHERE user_id = $1 AND ",
    in_time!(),
    " ORDER BY created_at DESC, id DESC LIMIT $10) AS near WHERE ",
    matches!(),
    " LIMIT $8) AS counted"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_statement_does_unbounded_work() {
        for sort in [Sort::Newest, Sort::Oldest, Sort::PriceDesc, Sort::PriceAsc] {
            let Statements { all, near, end, by_text, by_other } = statements(sort);
            assert!(all.contains("LIMIT $8") && end.contains("LIMIT 1"));
            assert!([near, by_text, by_other].iter().all(|sql| sql.contains("LIMIT $10)") && sql.contains("LIMIT $8")));
        }
    }
}
