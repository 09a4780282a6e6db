//! How is a YAML text read? YAML 1.2 core schema to nodes with places; tags, merge keys and duplicate keys are problems.
//!
//! Pulls events and keeps its own stack, so that deep nesting ends in a problem and never in a stack overflow.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput};

use super::{
    node::{Content, Member, Node},
    problem::{Place, Problem, Problems},
};

/// Largest text of all inputs together, in bytes.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Deepest nesting of values.
const MAX_DEPTH: usize = 64;
/// Values that aliases may add.
const MAX_ALIASED: usize = 100_000;

/// What a text holds.
#[derive(Clone, Debug, Default)]
pub struct Documents {
    /// Those that could be read.
    pub nodes: Vec<Node>,
    /// The text was read to its end.
    pub whole: bool,
}

/// The documents of a text. `file` names it in places. Problems end up in `problems`; what could be read is returned.
pub fn read_yaml(file: &str, text: &str, problems: &mut Problems) -> Documents {
    let file: Arc<str> = Arc::from(file);
    if text.len() > MAX_BYTES {
        let place = Place {
            file,
            line: 1,
            column: 1,
        };
        problems.push(Problem::invalid(
            &place,
            "the document is larger than 16 MiB",
            "split the lake into several applies",
        ));
        return Documents::default();
    }
    let mut loader = Loader {
        file,
        stack: Vec::new(),
        anchors: HashMap::new(),
        aliased: 0,
        documents: Vec::new(),
        problems,
    };
    let mut parser = Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    let whole = loader.run(&mut parser);
    Documents {
        nodes: loader.documents,
        whole,
    }
}

/// A collection that is being read.
struct Open {
    node: Node,
    anchor: usize,
    /// A key that waits for its value.
    key: Option<(String, Place)>,
    /// Keys of a map so far.
    keys: HashSet<String>,
}

struct Loader<'p> {
    file: Arc<str>,
    stack: Vec<Open>,
    anchors: HashMap<usize, Node>,
    aliased: usize,
    documents: Vec<Node>,
    problems: &'p mut Problems,
}

impl Loader<'_> {
    /// `true`: to the end.
    fn run<'input>(&mut self, parser: &mut Parser<'input, StrInput<'input>>) -> bool {
        while let Some(next) = parser.next_event() {
            match next {
                Ok((Event::StreamEnd, _)) => return true,
                Ok((event, span)) => {
                    if !self.event(event, span) {
                        return false;
                    }
                }
                Err(error) => {
                    self.broken(&error);
                    return false;
                }
            }
        }
        true
    }

    /// Takes one event; `false` ends the reading.
    fn event(&mut self, event: Event<'_>, span: Span) -> bool {
        let place = self.place(span.start);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {}
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), &place);
                // A key is a name: `null: NA` is no entry without a name.
                let content = match scalar(&text, style) {
                    Content::Null if self.awaits_key() && !matches!(text.as_ref(), "" | "~") => {
                        Content::Text(text.to_string())
                    }
                    content => content,
                };
                let node = Node { place, content };
                self.done(node, anchor);
            }
            Event::SequenceStart(anchor, tag) => {
                return self.open(Content::List(Vec::new()), anchor, tag.is_some(), place);
            }
            Event::MappingStart(anchor, tag) => {
                return self.open(Content::Map(Vec::new()), anchor, tag.is_some(), place);
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.stack.pop() {
                    self.done(open.node, open.anchor);
                }
            }
            Event::Alias(anchor) => return self.alias(anchor, place),
        }
        true
    }

    fn awaits_key(&self) -> bool {
        self.stack
            .last()
            .is_some_and(|open| matches!(open.node.content, Content::Map(_)) && open.key.is_none())
    }

    fn open(&mut self, content: Content, anchor: usize, tagged: bool, place: Place) -> bool {
        self.refuse_tag(tagged, &place);
        if self.stack.len() >= MAX_DEPTH {
            let message = format!("values are nested more than {MAX_DEPTH} deep");
            self.problems
                .push(Problem::invalid(&place, message, "flatten the document"));
            return false;
        }
        self.stack.push(Open {
            node: Node { place, content },
            anchor,
            key: None,
            keys: HashSet::new(),
        });
        true
    }

    fn alias(&mut self, anchor: usize, place: Place) -> bool {
        let Some(node) = self.anchors.get(&anchor) else {
            self.problems.push(Problem::invalid(
                &place,
                "the alias stands inside its own anchor",
                "repeat the value",
            ));
            return false;
        };
        self.aliased += size(node);
        if self.aliased > MAX_ALIASED {
            let message = format!("aliases add more than {MAX_ALIASED} values");
            self.problems
                .push(Problem::invalid(&place, message, "write the values out"));
            return false;
        }
        let node = Node { place, ..node.clone() };
        self.done(node, 0);
        true
    }

    /// Puts a finished value where it belongs.
    fn done(&mut self, node: Node, anchor: usize) {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(parent) = self.stack.last_mut() else {
            self.documents.push(node);
            return;
        };
        match &mut parent.node.content {
            Content::List(items) => items.push(node),
            Content::Map(members) => match parent.key.take() {
                None => parent.key = Some(key(node, self.problems)),
                Some((key, place)) => {
                    let is_new = parent.keys.insert(key.clone());
                    let member = Member {
                        key,
                        place,
                        value: node,
                    };
                    if is_new {
                        members.push(member);
                    } else {
                        twice(members, &member, self.problems);
                    }
                }
            },
            _ => {}
        }
    }

    fn refuse_tag(&mut self, tagged: bool, place: &Place) {
        if tagged {
            self.problems.push(Problem::invalid(
                place,
                "YAML tags are not allowed",
                "remove the `!…`; quote text instead",
            ));
        }
    }

    fn broken(&mut self, error: &ScanError) {
        let place = self.place(*error.marker());
        let remedy = "correct the YAML; text with `: `, `#`, `{` or quotes needs quotes";
        self.problems
            .push(Problem::invalid(&place, format!("not YAML: {}", error.info()), remedy));
    }

    fn place(&self, marker: Marker) -> Place {
        Place {
            file: Arc::clone(&self.file),
            line: marker.line(),
            column: marker.col() + 1,
        }
    }
}

fn key(node: Node, problems: &mut Problems) -> (String, Place) {
    let text = match node.content {
        Content::Text(text) => text,
        Content::Integer(number) => number.to_string(),
        Content::Bool(flag) => flag.to_string(),
        Content::Null | Content::Float(_) | Content::List(_) | Content::Map(_) => {
            problems.push(Problem::invalid(&node.place, "a key must be text", "quote the key"));
            String::new()
        }
    };
    if text == "<<" {
        problems.push(Problem::invalid(
            &node.place,
            "merge keys (`<<`) are not allowed",
            "repeat the members",
        ));
    }
    (text, node.place)
}

fn twice(members: &[Member], member: &Member, problems: &mut Problems) {
    if let Some(first) = members.iter().find(|known| known.key == member.key) {
        let message = format!("`{}` stands twice: here and at {}", member.key, first.place);
        problems.push(Problem::invalid(&member.place, message, "keep one of the two"));
    }
}

fn size(node: &Node) -> usize {
    let below: usize = match &node.content {
        Content::List(items) => items.iter().map(size).sum(),
        Content::Map(members) => members.iter().map(|member| 1 + size(&member.value)).sum(),
        _ => 0,
    };
    1 + below
}

/// A scalar by YAML's core schema. Numbers with leading zeros, `0o…` and `0x…` stay text: what they mean differs by reader.
fn scalar(text: &str, style: ScalarStyle) -> Content {
    if !matches!(style, ScalarStyle::Plain) {
        return Content::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Content::Null,
        "true" | "True" | "TRUE" => return Content::Bool(true),
        "false" | "False" | "FALSE" => return Content::Bool(false),
        _ => {}
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let padded = digits.len() > 1 && digits.starts_with('0') && digits.chars().all(|c| c.is_ascii_digit());
    if digits.is_empty()
        || padded
        || !digits
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'))
    {
        return Content::Text(text.to_owned());
    }
    if digits.chars().all(|c| c.is_ascii_digit()) {
        return text
            .parse()
            .map_or_else(|_| Content::Text(text.to_owned()), Content::Integer);
    }
    let number = digits
        .chars()
        .any(|c| c.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten();
    number.map_or_else(|| Content::Text(text.to_owned()), Content::Float)
}
