//! How is a value passed that nobody wants? Its bytes are looked at only as far as its end.

use super::{
    column::MAX_EMPTY_ITEMS,
    cursor::{Bad, Cursor},
    schema::Node,
};

/// Passes one value.
pub(super) fn skip(node: &Node, from: &mut Cursor<'_>) -> Result<(), Bad> {
    match node {
        Node::Null => {}
        Node::Boolean => drop(from.take(1)?),
        Node::Int(_) | Node::Long(_) | Node::Enum(_) => drop(from.long()?),
        Node::Float => drop(from.take(4)?),
        Node::Double => drop(from.take(8)?),
        Node::Bytes | Node::Text | Node::Decimal(None, ..) => drop(from.bytes()?),
        Node::Fixed(size) | Node::Decimal(Some(size), ..) => drop(from.take(*size)?),
        Node::Record(fields) => fields.iter().try_for_each(|(_, node)| skip(node, from))?,
        Node::Array(item) => items(item, from, false)?,
        Node::Map(value) => items(value, from, true)?,
        Node::Optional(null, inner) => match from.index()? {
            branch if branch == *null => {}
            0 | 1 => skip(inner, from)?,
            _ => return Err("a union has no such branch"),
        },
        Node::Union(branches) => {
            let branch = branches.get(from.index()?);
            skip(branch.ok_or("a union has no such branch")?, from)?;
        }
    }
    Ok(())
}

fn items(node: &Node, from: &mut Cursor<'_>, keys: bool) -> Result<(), Bad> {
    loop {
        let count = from.long()?;
        if count == 0 {
            return Ok(());
        }
        if count < 0 {
            let length = usize::try_from(from.long()?).map_err(|_| "a length is negative")?;
            from.take(length)?;
            continue;
        }
        if node.is_empty() && !keys && count.unsigned_abs() > MAX_EMPTY_ITEMS {
            return Err("a list has too many empty items");
        }
        for _ in 0..count {
            if keys {
                from.bytes()?;
            }
            skip(node, from)?;
        }
    }
}
