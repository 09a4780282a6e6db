//! What does a document hold, and where does each value stand? A tree of values that keep their places.

use serde_json::Value;

use super::problem::Place;

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where the value begins.
    pub place: Place,
    /// The value.
    pub content: Content,
}

/// The values of YAML's core schema.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Member>),
}

/// One member of a map, in the order of the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    pub value: Node,
}

impl Node {
    /// A JSON value; every part has the same place.
    #[must_use]
    pub fn from_json(value: &Value, place: &Place) -> Self {
        let content = match value {
            Value::Null => Content::Null,
            Value::Bool(flag) => Content::Bool(*flag),
            Value::Number(number) => match number.as_i64() {
                Some(integer) => Content::Integer(integer),
                None => Content::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => Content::Text(text.clone()),
            Value::Array(items) => Content::List(items.iter().map(|item| Self::from_json(item, place)).collect()),
            Value::Object(members) => Content::Map(
                members
                    .iter()
                    .map(|(key, value)| Member {
                        key: key.clone(),
                        place: place.clone(),
                        value: Self::from_json(value, place),
                    })
                    .collect(),
            ),
        };
        Self {
            place: place.clone(),
            content,
        }
    }

    /// The value without places.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(flag) => Value::Bool(*flag),
            Content::Integer(number) => Value::from(*number),
            Content::Float(number) => Value::from(*number),
            Content::Text(text) => Value::String(text.clone()),
            Content::List(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            Content::Map(members) => Value::Object(
                members
                    .iter()
                    .map(|member| (member.key.clone(), member.value.to_json()))
                    .collect(),
            ),
        }
    }

    /// Members of a map; nothing for other values.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        let members = if let Content::Map(members) = &self.content {
            members.as_slice()
        } else {
            &[]
        };
        members.iter()
    }

    /// Items of a list; nothing for other values.
    pub fn items(&self) -> impl Iterator<Item = &Self> {
        let items = if let Content::List(items) = &self.content {
            items.as_slice()
        } else {
            &[]
        };
        items.iter()
    }

    /// The member `key`, if this is a map that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.members()
            .find(|member| member.key == key)
            .map(|member| &member.value)
    }

    /// The text, if this is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        if let Content::Text(text) = &self.content {
            Some(text)
        } else {
            None
        }
    }

    /// The place of what `path` leads to (keys, and list positions as numbers), or of the last step that exists.
    #[must_use]
    pub fn place_at(&self, path: &[&str]) -> &Place {
        let Some((step, rest)) = path.split_first() else {
            return &self.place;
        };
        let next = match &self.content {
            Content::Map(_) => self.get(step),
            Content::List(items) => step.parse::<usize>().ok().and_then(|position| items.get(position)),
            _ => None,
        };
        next.map_or(&self.place, |next| next.place_at(rest))
    }

    /// What the value is, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.content {
            Content::Null => "nothing",
            Content::Bool(_) => "true or false",
            Content::Integer(_) => "a whole number",
            Content::Float(_) => "a number",
            Content::Text(_) => "text",
            Content::List(_) => "a list",
            Content::Map(_) => "a map",
        }
    }
}
