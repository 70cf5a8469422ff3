//! A connection to a database, for checking what the services have really done.

use tokio_postgres::types::{FromSqlOwned, ToSql};
use tokio_postgres::{Client, NoTls};

use crate::runtime::{run, runtime};

/// A connection.
pub struct Sql(Client);

/// Values of a statement.
pub type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Sql {
    /// Connects.
    #[track_caller]
    pub fn open(url: &str) -> Self {
        Self::try_open(url).unwrap_or_else(|error| panic!("cannot connect to the database: {error:?}"))
    }

    pub(crate) fn try_open(url: &str) -> Result<Self, tokio_postgres::Error> {
        let (client, driver) = run("a database connection", tokio_postgres::connect(url, NoTls))?;
        // Ends with the client.
        runtime().spawn(driver);
        Ok(Self(client))
    }

    /// How the server refuses a connection (SQLSTATE); `None` when it does not.
    pub fn refused(url: &str) -> Option<String> {
        Self::try_open(url).err().map(|error| sqlstate(&error))
    }

    /// How it refuses a statement (SQLSTATE); `None` when it does not. Nothing that the statement did stays.
    pub fn refusal(&self, statement: &str) -> Option<String> {
        let error = run(statement, self.0.batch_execute(&format!("BEGIN; {statement}"))).err();
        self.execute("ROLLBACK");
        error.map(|error| sqlstate(&error))
    }

    /// Runs statements that return nothing.
    #[track_caller]
    pub fn execute(&self, statements: &str) {
        run(statements, self.0.batch_execute(statements)).unwrap_or_else(|error| panic!("{statements}: {error:?}"));
    }

    pub(crate) fn try_execute(&self, statements: &str) {
        let _ = run(statements, self.0.batch_execute(statements));
    }

    /// The first column of every row.
    #[track_caller]
    pub fn column<T: FromSqlOwned>(&self, query: &str, values: Values<'_>) -> Vec<T> {
        let rows = run(query, self.0.query(query, values)).unwrap_or_else(|error| panic!("{query}: {error:?}"));
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// The one value of a query such as `SELECT count(*) …`.
    #[track_caller]
    pub fn value<T: FromSqlOwned>(&self, query: &str, values: Values<'_>) -> T {
        let mut column = self.column(query, values);
        assert_eq!(column.len(), 1, "{query} gave {} rows", column.len());
        column.remove(0)
    }

    /// The number of rows of a table.
    #[track_caller]
    pub fn count(&self, table: &str) -> i64 {
        self.value(&format!("SELECT count(*) FROM {table}"), &[])
    }
}

fn sqlstate(error: &tokio_postgres::Error) -> String {
    error.code().unwrap_or_else(|| panic!("no answer of the server's: {error:?}")).code().to_owned()
}
