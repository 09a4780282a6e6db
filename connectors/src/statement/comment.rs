//! How does the operator of a source find the query behind a statement? By a comment at its end, in SQLCommenter's form
//! (<https://google.github.io/sqlcommenter/spec/>): `/*query_id='…',traceparent='…'*/`.

use std::fmt::Write as _;

use crate::call::CallContext;

/// The statement with a comment that names query and span.
///
/// The text differs from query to query: use it only where no cache is keyed by the text of a statement.
pub(crate) fn commented(sql: &str, cx: &CallContext) -> String {
    let pairs = [("query_id", Some(&cx.query.0)), ("traceparent", cx.trace.0.as_ref())];
    let written: Vec<String> = pairs
        .into_iter()
        .filter_map(|(key, value)| Some(format!("{key}='{}'", encoded(value?))))
        .collect();
    format!("{sql} /*{}*/", written.join(","))
}

/// Percent-encoded but for letters, digits and `-_.~`: neither a quote nor the end of a comment can be in it.
fn encoded(value: &str) -> String {
    value
        .bytes()
        .fold(String::with_capacity(value.len()), |mut text, byte| {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
                text.push(char::from(byte));
            } else {
                let _ = write!(text, "%{byte:02X}");
            }
            text
        })
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::{call::TraceParent, connection::Connection};

    fn comment(query: &str, trace: Option<&str>) -> String {
        let mut cx = CallContext::new(query, Arc::new(Connection::default()), Duration::ZERO);
        cx.trace = TraceParent(trace.map(Into::into));
        commented("SELECT 1", &cx)
    }

    #[test]
    fn names_the_query_and_the_span() {
        assert_eq!(
            comment(
                "0190-ab",
                Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
            ),
            "SELECT 1 /*query_id='0190-ab',traceparent='00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'*/"
        );
        assert_eq!(comment("0190-ab", None), "SELECT 1 /*query_id='0190-ab'*/");
    }

    #[test]
    fn nothing_leaves_the_comment() {
        let hostile = "*/ ; DROP TABLE t; --'\\ /* \u{0}é\n$1?";
        let text = comment(hostile, Some(hostile));
        let inside = text
            .strip_prefix("SELECT 1 /*")
            .and_then(|rest| rest.strip_suffix("*/"))
            .expect("one comment");
        assert!(
            !inside.contains(['*', '/', ';', ' ', '\\', '\n', '\u{0}', '$', '?', '"']),
            "{inside}"
        );
        assert_eq!(inside.matches('\'').count(), 4, "{inside}");
    }
}
