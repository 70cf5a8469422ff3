//! The name of an SQL statement for its span: what it does to which table, without any value.

/// `INSERT orders` for a statement that writes, else `SELECT` and its first table.
pub(crate) fn statement_name(sql: &str) -> String {
    const WRITES: [&str; 3] = ["INSERT INTO", "UPDATE", "DELETE FROM"];
    let words: Vec<&str> =
        sql.split(|c: char| c.is_whitespace() || "(),;".contains(c)).filter(|word| !word.is_empty()).collect();
    let after = |keywords: &str| {
        let keywords: Vec<&str> = keywords.split(' ').collect();
        let found = words
            .windows(keywords.len())
            .position(|window| window.iter().zip(&keywords).all(|(word, keyword)| word.eq_ignore_ascii_case(keyword)));
        found.map(|at| (at, words.get(at + keywords.len()).copied().unwrap_or_default()))
    };
    let writes = WRITES.into_iter().filter_map(|keywords| after(keywords).map(|(at, table)| (at, keywords, table)));
    match writes.min() {
        Some((_, keywords, table)) => format!("{} {table}", keywords.split(' ').next().unwrap_or_default()),
        None => format!("SELECT {}", after("FROM").map_or("", |(_, table)| table)).trim_end().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_named_after_what_it_does_to_which_table() {
        for (sql, name) in [
            ("SELECT id FROM orders WHERE id = $1", "SELECT orders"),
            (
                "WITH placed AS (\n  INSERT INTO orders (id) VALUES ($1) RETURNING *), x AS (INSERT INTO outbox (id) SELECT 1) SELECT * FROM placed",
                "INSERT orders",
            ),
            ("update users set name = $1", "UPDATE users"),
            ("DELETE FROM sessions WHERE id = ANY($1)", "DELETE sessions"),
            ("SELECT 1", "SELECT"),
        ] {
            assert_eq!(statement_name(sql), name, "{sql}");
        }
    }
}
