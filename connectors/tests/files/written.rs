//! How are files of Avro and ORC written for a test? By hand, as short as their specifications allow, in blocks and stripes of a hundred
//! rows: a number and a word each.

/// Rows of a block or stripe.
const PART: usize = 100;

fn varint(mut number: u64, to: &mut Vec<u8>) {
    while number >= 0x80 {
        to.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

/// A file of Avro without compression.
pub fn avro(rows: &[(i64, String)]) -> Vec<u8> {
    let long = |number: i64, to: &mut Vec<u8>| varint(zigzag(number), to);
    let text = |text: &str, to: &mut Vec<u8>| {
        long(text.len() as i64, to);
        to.extend_from_slice(text.as_bytes());
    };
    let schema =
        r#"{"type":"record","name":"r","fields":[{"name":"id","type":"long"},{"name":"word","type":"string"}]}"#;
    let marker = [7; 16];
    let mut file = b"Obj\x01".to_vec();
    long(1, &mut file);
    text("avro.schema", &mut file);
    text(schema, &mut file);
    long(0, &mut file);
    file.extend_from_slice(&marker);
    for part in rows.chunks(PART) {
        let mut block = Vec::new();
        for (id, word) in part {
            long(*id, &mut block);
            text(word, &mut block);
        }
        long(part.len() as i64, &mut file);
        long(block.len() as i64, &mut file);
        file.extend_from_slice(&block);
        file.extend_from_slice(&marker);
    }
    file
}

/// A message of protocol buffers.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn number(mut self, tag: u64, number: u64) -> Self {
        varint(tag << 3, &mut self.0);
        varint(number, &mut self.0);
        self
    }

    fn bytes(mut self, tag: u64, bytes: &[u8]) -> Self {
        varint(tag << 3 | 2, &mut self.0);
        varint(bytes.len() as u64, &mut self.0);
        self.0.extend_from_slice(bytes);
        self
    }

    fn message(self, tag: u64, message: &Self) -> Self {
        self.bytes(tag, &message.0)
    }
}

/// Numbers of the first run-length encoding, each as it is.
fn literals(numbers: impl Iterator<Item = u64>) -> Vec<u8> {
    let numbers: Vec<u64> = numbers.collect();
    let mut stream = Vec::new();
    for run in numbers.chunks(128) {
        stream.push((256 - run.len()) as u8);
        run.iter().for_each(|number| varint(*number, &mut stream));
    }
    stream
}

/// A file of ORC without compression, whose stripes tell the least and the greatest number.
pub fn orc(rows: &[(i64, String)]) -> Vec<u8> {
    let mut file = b"ORC".to_vec();
    let (mut footer, mut metadata) = (Message::default().number(1, 3), Message::default());
    for part in rows.chunks(PART) {
        let ids = literals(part.iter().map(|(id, _)| zigzag(*id)));
        let words: Vec<u8> = part.iter().flat_map(|(_, word)| word.bytes()).collect();
        let lengths = literals(part.iter().map(|(_, word)| word.len() as u64));
        let offset = file.len() as u64;
        let mut streams = Message::default();
        for (kind, column, stream) in [(1, 1, &ids), (1, 2, &words), (2, 2, &lengths)] {
            let stream_of = Message::default()
                .number(1, kind)
                .number(2, column)
                .number(3, stream.len() as u64);
            streams = streams.message(1, &stream_of);
            file.extend_from_slice(stream);
        }
        for _ in 0..3 {
            streams = streams.message(2, &Message::default().number(1, 0));
        }
        let data = file.len() as u64 - offset;
        file.extend_from_slice(&streams.0);
        let stripe = Message::default()
            .number(1, offset)
            .number(2, 0)
            .number(3, data)
            .number(4, streams.0.len() as u64)
            .number(5, part.len() as u64);
        footer = footer.message(3, &stripe);
        let least = part.iter().map(|(id, _)| *id).min().unwrap_or_default();
        let greatest = part.iter().map(|(id, _)| *id).max().unwrap_or_default();
        let ends = Message::default().number(1, zigzag(least)).number(2, zigzag(greatest));
        let numbers = Message::default()
            .number(1, part.len() as u64)
            .message(2, &ends)
            .number(10, 0);
        let others = Message::default().number(1, part.len() as u64).number(10, 0);
        let stripe = Message::default()
            .message(1, &others)
            .message(1, &numbers)
            .message(1, &others);
        metadata = metadata.message(1, &stripe);
    }
    let root = Message::default()
        .number(1, 12)
        .bytes(2, &[1, 2])
        .bytes(3, b"id")
        .bytes(3, b"word");
    footer = footer
        .message(4, &root)
        .message(4, &Message::default().number(1, 4))
        .message(4, &Message::default().number(1, 7))
        .number(6, rows.len() as u64);
    file.extend_from_slice(&metadata.0);
    file.extend_from_slice(&footer.0);
    let postscript = Message::default()
        .number(1, footer.0.len() as u64)
        .number(2, 0)
        .bytes(4, &[0, 12])
        .number(5, metadata.0.len() as u64)
        .number(6, 6)
        .bytes(8_000, b"ORC");
    file.extend_from_slice(&postscript.0);
    file.push(postscript.0.len() as u8);
    file
}
