//! How is an attribute written as plain JSON? Numbers as they are, sets as lists, bytes in Base64: for what has no column type.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The type that an attribute says it has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Tag {
    S,
    N,
    B,
    Bool,
    Null,
    L,
    M,
    Set(Scalar),
}

/// What a set is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Scalar {
    S,
    N,
    B,
}

impl Scalar {
    pub(super) fn element(self) -> Tag {
        match self {
            Self::S => Tag::S,
            Self::N => Tag::N,
            Self::B => Tag::B,
        }
    }
}

/// Reads the key of an attribute.
pub(super) struct TagSeed;

impl<'de> DeserializeSeed<'de> for TagSeed {
    type Value = Tag;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tag, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for TagSeed {
    type Value = Tag;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the type of an attribute")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Tag, E> {
        Ok(match text {
            "S" => Tag::S,
            "N" => Tag::N,
            "B" => Tag::B,
            "BOOL" => Tag::Bool,
            "NULL" => Tag::Null,
            "L" => Tag::L,
            "M" => Tag::M,
            "SS" => Tag::Set(Scalar::S),
            "NS" => Tag::Set(Scalar::N),
            "BS" => Tag::Set(Scalar::B),
            _ => return Err(E::custom("an attribute of an unknown type")),
        })
    }
}

/// Writes an attribute, `{"S": "…"}`.
struct Text<'a> {
    out: &'a mut String,
}

impl<'de> DeserializeSeed<'de> for Text<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Text<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an attribute")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let tag = map
            .next_key_seed(TagSeed)?
            .ok_or_else(|| A::Error::custom("an attribute without a type"))?;
        map.next_value_seed(Tagged { out: self.out, tag })?;
        match map.next_key::<IgnoredAny>()? {
            None => Ok(()),
            Some(_) => Err(A::Error::custom("an attribute of two types")),
        }
    }
}

/// Writes what stands behind the type of an attribute.
pub(super) struct Tagged<'a> {
    pub out: &'a mut String,
    pub tag: Tag,
}

impl<'de> DeserializeSeed<'de> for Tagged<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.tag {
            Tag::S | Tag::N | Tag::B => deserializer.deserialize_str(self),
            Tag::Bool | Tag::Null => deserializer.deserialize_bool(self),
            Tag::L | Tag::Set(_) => deserializer.deserialize_seq(self),
            Tag::M => deserializer.deserialize_map(self),
        }
    }
}

impl<'de> Visitor<'de> for Tagged<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value of an attribute")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        // A number is one of JSON's, or it is told as a text.
        if self.tag == Tag::N && serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok() {
            self.out.push_str(text);
            return Ok(());
        }
        quote(self.out, text)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.out.push_str(match (self.tag, value) {
            (Tag::Null, _) => "null",
            (_, true) => "true",
            (_, false) => "false",
        });
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        self.out.push('[');
        let start = self.out.len();
        loop {
            let before = self.out.len();
            if before > start {
                self.out.push(',');
            }
            let more = match self.tag {
                Tag::Set(of) => sequence.next_element_seed(Tagged {
                    out: self.out,
                    tag: of.element(),
                })?,
                _ => sequence.next_element_seed(Text { out: self.out })?,
            };
            if more.is_none() {
                self.out.truncate(before);
                self.out.push(']');
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        members(self.out, map, &|_| true)
    }
}

fn members<'de, A: MapAccess<'de>>(
    out: &mut String,
    mut map: A,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<(), A::Error> {
    let mut separator = '{';
    while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
        if !wanted(&name) {
            map.next_value::<IgnoredAny>()?;
            continue;
        }
        out.push(separator);
        separator = ',';
        quote(out, &name)?;
        out.push(':');
        map.next_value_seed(Text { out })?;
    }
    if separator == '{' {
        out.push('{');
    }
    out.push('}');
    Ok(())
}

fn quote<E: Error>(out: &mut String, text: &str) -> Result<(), E> {
    out.push_str(&serde_json::to_string(text).map_err(E::custom)?);
    Ok(())
}

/// Writes an item.
struct Item<'a> {
    out: &'a mut String,
    wanted: &'a dyn Fn(&str) -> bool,
}

impl<'de> Visitor<'de> for Item<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an item")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        members(self.out, map, self.wanted)
    }
}

/// Those attributes of the item of this text that are wanted, as plain JSON.
pub(super) fn item(text: &str, wanted: &dyn Fn(&str) -> bool) -> Result<String, serde_json::Error> {
    let mut out = String::with_capacity(text.len());
    let mut source = serde_json::Deserializer::from_str(text);
    (&mut source).deserialize_map(Item { out: &mut out, wanted })?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_written_whole() {
        let text = r#"{"id":{"N":"12345678901234567890.5"},"a\"b":{"S":"x\"\n🛫"},"n":{"NULL":true},"v":{"BOOL":false},
            "l":{"L":[{"N":"1"},{"S":"1"},{"L":[]}]},"s":{"NS":["1","2"]},"m":{"M":{"k":{"B":"AP8="},"e":{"M":{}}}}}"#;
        assert_eq!(
            item(text, &|_| true).unwrap(),
            r#"{"id":12345678901234567890.5,"a\"b":"x\"\n🛫","n":null,"v":false,"l":[1,"1",[]],"s":[1,2],"m":{"k":"AP8=","e":{}}}"#
        );
        for broken in [
            "{",
            "[]",
            r#"{"a":{}}"#,
            r#"{"a":{"S":"x","N":"1"}}"#,
            r#"{"a":{"X":"x"}}"#,
            r#"{"a":{"S":1}}"#,
        ] {
            assert!(item(broken, &|_| true).is_err(), "{broken}");
        }
    }
}
