//! Finds a page of a user's orders, with a bounded amount of work however many orders there are.
//!
//! Pages are found by keyset, not by OFFSET: a page costs the same however deep it is, and new orders shift nothing. With
//! filters besides the sort key, the next thousand rows are searched first, which suffices for common matches. Rare matches
//! are found by another index. If that fails too, the next twenty thousand rows are searched, and the page ends there, with
//! the matches so far and the position to continue from.

use contracts::orders::{ListOrders, Order, OrderPage};
use contracts::{Amount, Count, Cursor, Moment, Relation, SearchText, Sort};
use jiff::Timestamp;
use uuid::Uuid;
use worker_runtime::db::{Row, ToSql};
use worker_runtime::{Db, Failure};

use crate::row::order;
use crate::search::{COUNT_BY_PRICE, COUNT_BY_TIME, COUNT_NEAR, Statements, statements};

/// How many rows are searched: first, by another index, and last.
const NEAR: i64 = 1_000;
const BY_INDEX: i64 = 2_000;
const FAR: i64 = 20_000;
/// Counting ends here.
const COUNTED: u32 = 1_000;
/// The text index consists of trigrams of letters and digits, and in a database without a locale only of ASCII ones.
const INDEXED: usize = 3;
/// Above every price, in cents.
const DEAREST: i64 = 1_000_000_000_000;

/// A page of the caller's orders.
pub async fn list(caller: &str, wanted: &ListOrders, db: &Db) -> Result<OrderPage, Failure> {
    let search = Search::new(caller, wanted, db)?;
    let page = search.page().await?;
    let total = if wanted.total.0 { Some(search.count().await?) } else { None };
    Ok(OrderPage { total, ..page })
}

/// The filters, as parameters of the statements.
struct Search<'a> {
    db: &'a Db,
    caller: &'a str,
    wanted: &'a ListOrders,
    statements: &'static Statements,
    from: Timestamp,
    to: Timestamp,
    min: i64,
    max: i64,
    key: i64,
    id: Uuid,
    like: Option<String>,
}

impl<'a> Search<'a> {
    fn new(caller: &'a str, wanted: &'a ListOrders, db: &'a Db) -> Result<Self, Failure> {
        let edge = |text: &str| text.parse::<Timestamp>().map_err(Failure::broken);
        let (first, last) = (edge("0001-01-01T00:00:00Z")?, edge("9999-12-30T00:00:00Z")?);
        let moment =
            |at: Option<Moment>, otherwise: Timestamp| at.map_or(otherwise, |Moment(at)| at.0.clamp(first, last));
        let (key, id) = match (wanted.cursor, wanted.sort) {
            (Some(cursor), _) => (cursor.key, cursor.id),
            (None, Sort::Newest) => (last.as_microsecond(), Uuid::max()),
            (None, Sort::Oldest) => (first.as_microsecond(), Uuid::nil()),
            (None, Sort::PriceDesc) => (DEAREST, Uuid::max()),
            (None, Sort::PriceAsc) => (-1, Uuid::nil()),
        };
        Ok(Self {
            db,
            caller,
            wanted,
            statements: statements(wanted.sort),
            from: moment(wanted.from, first),
            to: moment(wanted.to, last),
            min: wanted.min.map_or(0, Amount::cents),
            max: wanted.max.map_or(DEAREST, Amount::cents),
            key,
            id,
            like: wanted.q.as_ref().map(|q| like(q.as_str())),
        })
    }

    async fn page(&self) -> Result<OrderPage, Failure> {
        // One row more than requested shows whether there is a next page.
        let limit = i64::from(self.wanted.limit.rows()) + 1;
        let Statements { all, near, by_text, by_other, .. } = self.statements;
        if !self.has_more_to_match() {
            return Ok(self.finish(&self.rows(all, limit, NEAR).await?, None));
        }
        let rows = self.rows(near, limit, NEAR).await?;
        if is_full(&rows, limit) || self.end(NEAR).await?.is_none() {
            return Ok(self.finish(&rows, None));
        }
        let other = if self.is_indexed() { by_text } else { by_other };
        if self.is_indexed() || self.wanted.q.is_none() {
            let rows = self.rows(other, limit, BY_INDEX + 1).await?;
            if rows.first().is_some_and(|row| row.get::<_, i64>("seen") <= BY_INDEX) {
                let found: Vec<Row> =
                    rows.into_iter().filter(|row| row.get::<_, Option<Uuid>>("id").is_some()).collect();
                return Ok(self.finish(&found, None));
            }
        }
        let rows = self.rows(near, limit, FAR).await?;
        let end = if is_full(&rows, limit) { None } else { self.end(FAR).await? };
        Ok(self.finish(&rows, end))
    }

    /// How many match altogether, or at least.
    async fn count(&self) -> Result<Count, Failure> {
        let limit = i64::from(COUNTED) + 1;
        let is_timeless = self.wanted.from.is_none() && self.wanted.to.is_none();
        let is_priceless = self.wanted.min.is_none() && self.wanted.max.is_none();
        let q = self.wanted.q.is_some();
        let all = match (is_timeless, is_priceless) {
            (_, true) => Some(COUNT_BY_TIME),
            (true, _) => Some(COUNT_BY_PRICE),
            _ => None,
        };
        if let Some(sql) = all.filter(|_| !q) {
            return Ok(exactly(self.number(sql, limit, 0).await?));
        }
        let start = Self { statements: statements(Sort::Newest), ..self.as_first_page()? };
        let seen = start.number(COUNT_NEAR, limit, FAR).await?;
        if seen >= limit || start.end(FAR).await?.is_none() {
            return Ok(exactly(seen));
        }
        if self.is_indexed() {
            let rows = start.rows(start.statements.by_text, 1, limit).await?;
            return Ok(exactly(rows.first().map_or(0, |row| row.get("seen"))));
        }
        Ok(Count { relation: Relation::Gte, ..exactly(seen) })
    }

    /// The same search, newest first, from the first page on.
    fn as_first_page(&self) -> Result<Self, Failure> {
        let (last, id) = ("9999-12-30T00:00:00Z".parse::<Timestamp>().map_err(Failure::broken)?, Uuid::max());
        Ok(Self { key: last.as_microsecond(), id, like: self.like.clone(), ..*self })
    }

    /// Whether there are filters besides the sort key.
    fn has_more_to_match(&self) -> bool {
        let ListOrders { q, from, to, min, max, sort, .. } = self.wanted;
        let other = match sort {
            Sort::Newest | Sort::Oldest => min.is_some() || max.is_some(),
            Sort::PriceDesc | Sort::PriceAsc => from.is_some() || to.is_some(),
        };
        q.is_some() || other
    }

    /// Whether the text index can find the text.
    fn is_indexed(&self) -> bool {
        let q = self.wanted.q.as_ref().map_or("", SearchText::as_str);
        q.split(|c: char| !c.is_ascii_alphanumeric()).any(|run| run.len() >= INDEXED)
    }

    /// The position after this many rows, if there are so many.
    async fn end(&self, rows: i64) -> Result<Option<(i64, Uuid)>, Failure> {
        let rows = self.rows(self.statements.end, 1, rows).await?;
        Ok(rows.first().map(|row| (row.get("key"), row.get("id"))))
    }

    async fn number(&self, sql: &'static str, limit: i64, looked_at: i64) -> Result<i64, Failure> {
        let rows = self.rows(sql, limit, looked_at).await?;
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }

    /// Runs a statement for so many rows, which searches so many.
    async fn rows(&self, sql: &'static str, limit: i64, looked_at: i64) -> Result<Vec<Row>, Failure> {
        let Self { caller, from, to, min, max, key, id, like, .. } = self;
        let parameters: [&(dyn ToSql + Sync); 10] = [caller, from, to, min, max, key, id, &limit, like, &looked_at];
        Ok(self.db.rows(sql, &parameters).await?)
    }

    /// The page of these rows; `end` is where the searched rows end, if the page is not full.
    fn finish(&self, rows: &[Row], end: Option<(i64, Uuid)>) -> OrderPage {
        let limit = usize::from(self.wanted.limit.rows());
        let mut items: Vec<Order> = rows.iter().map(order).collect();
        let more = items.len() > limit;
        items.truncate(limit);
        let key = |order: &Order| match self.wanted.sort {
            Sort::Newest | Sort::Oldest => order.created_at.0.as_microsecond(),
            Sort::PriceDesc | Sort::PriceAsc => order.price.cents(),
        };
        let last = items.last().filter(|_| more).map(|order| (key(order), order.id));
        let next = last.or(end).map(|(key, id)| Cursor { filters: self.wanted.filters(), key, id });
        OrderPage { items, next, total: None }
    }
}

fn is_full(rows: &[Row], limit: i64) -> bool {
    i64::try_from(rows.len()).is_ok_and(|rows| rows >= limit)
}

/// A count that is complete, or ended at its bound.
fn exactly(counted: i64) -> Count {
    let counted = u32::try_from(counted).unwrap_or(u32::MAX);
    let relation = if counted > COUNTED { Relation::Gte } else { Relation::Eq };
    Count { count: counted.min(COUNTED), relation }
}

/// A LIKE pattern that matches every text that contains this one. Three characters must be escaped.
fn like(text: &str) -> String {
    let mut pattern = String::from("%");
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_searched_text_matches_only_itself() {
        assert_eq!(like(r"50%_a\b"), r"%50\%\_a\\b%");
    }

    #[test]
    fn a_count_says_where_it_ended() {
        assert_eq!(exactly(1_000), Count { count: 1_000, relation: Relation::Eq });
        assert_eq!(exactly(1_001), Count { count: 1_000, relation: Relation::Gte });
    }
}
