//! What does a line of the log hold? One JSON object: when, how grave, where, the event's own members, and the ids of
//! trace, query and request from the spans around it.

use std::{collections::BTreeMap, fmt, io::Write, sync::Mutex};

use chrono::{SecondsFormat, Utc};
use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, fmt::MakeWriter, layer::Context, registry::LookupSpan};

/// Members of a line, by the field of a span that they come from.
const IDS: [(&str, &str); 3] = [
    ("lakegate.query.id", "query_id"),
    ("lakegate.request.id", "request_id"),
    ("trace_id", "trace_id"),
];

/// Writes a line for every event.
#[derive(Debug)]
pub(super) struct JsonLines<W> {
    writer: W,
    /// Lines of two threads do not mix.
    turn: Mutex<()>,
}

impl<W> JsonLines<W> {
    pub(super) fn new(writer: W) -> Self {
        Self {
            writer,
            turn: Mutex::default(),
        }
    }
}

/// What a span knows of [`IDS`].
#[derive(Default)]
struct Ids(BTreeMap<&'static str, String>);

impl Ids {
    fn keep(&mut self, field: &Field, value: &str) {
        if let Some((_, member)) = IDS.iter().find(|(name, _)| *name == field.name())
            && !value.is_empty()
        {
            self.0.insert(member, value.to_owned());
        }
    }
}

impl Visit for Ids {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.keep(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if IDS.iter().any(|(name, _)| *name == field.name()) {
            self.keep(field, &format!("{value:?}"));
        }
    }
}

/// The members of an event.
struct Members(Map<String, Value>);

impl Members {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Members {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut ids = Ids::default();
        attributes.record(&mut ids);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(ids);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(ids) = span.extensions_mut().get_mut::<Ids>()
        {
            values.record(ids);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Members(Map::new());
        let metadata = event.metadata();
        let now = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true);
        line.0.insert("timestamp".to_owned(), now.into());
        line.0.insert("level".to_owned(), metadata.level().as_str().into());
        line.0.insert("target".to_owned(), metadata.target().into());
        event.record(&mut line);
        // From the innermost outwards: what is nearer wins, and the event itself is nearest.
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(ids) = span.extensions().get::<Ids>() {
                for (member, value) in &ids.0 {
                    line.0.entry(*member).or_insert_with(|| value.as_str().into());
                }
            }
        }
        let _turn = self.turn.lock();
        let _ = writeln!(self.writer.make_writer(), "{}", Value::Object(line.0));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, PoisonError},
    };

    use tracing::field::Empty;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Text(Arc<Mutex<Vec<u8>>>);

    impl Write for Text {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_knows_its_trace_query_and_error() {
        let text = Text::default();
        let writer = text.clone();
        let lines = JsonLines::new(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            let request = tracing::info_span!("http.server", lakegate.request.id = "r", trace_id = Empty);
            request.record("trace_id", "0af7");
            let _in = request.enter();
            tracing::info!(status = 200, "first");
            let query = tracing::info_span!("query.execute", lakegate.query.id = %"q");
            query.in_scope(|| tracing::error!(error.code = "SYNTAX_ERROR", fine = true, "second\n"));
            query.in_scope(|| tracing::warn!(query_id = "another", "third"));
        });
        let bytes = text.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let lines: Vec<Value> = String::from_utf8(bytes)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let [first, second, third] = lines.as_slice() else {
            panic!("{lines:?}");
        };
        assert_eq!(
            (&first["trace_id"], &first["request_id"], &first["status"]),
            (&"0af7".into(), &"r".into(), &200.into())
        );
        assert_eq!(first.get("query_id"), None);
        assert_eq!(
            (&second["trace_id"], &second["query_id"]),
            (&"0af7".into(), &"q".into())
        );
        assert_eq!(
            (&second["error.code"], &second["level"]),
            (&"SYNTAX_ERROR".into(), &"ERROR".into())
        );
        assert_eq!(
            (&second["message"], &second["fine"]),
            (&"second\n".into(), &true.into())
        );
        assert_eq!(third["query_id"], "another");
    }
}
