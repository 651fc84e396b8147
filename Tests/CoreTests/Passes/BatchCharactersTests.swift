import Testing

@testable import DTrainCore

@Suite struct BatchCharactersTests {
    private func number(_ texts: [[UInt16]], _ characters: BatchCharacters) throws {
        characters.removeAll()
        for text in texts { text.withUnsafeBufferPointer(characters.insert) }
        try characters.number()
    }

    @Test func occurringIdsAreNumberedInAscendingOrder() throws {
        let characters = try BatchCharacters(vocabularySize: 65_536, batchSize: 2, sequenceLength: 4)
        #expect(characters.capacity == 8)
        for texts: [[UInt16]] in [[[9, 65_535, 9, 0], [4, 9, 9, 9]], [[7, 7, 7, 7]]] {
            try number(texts, characters)
            let occurring = Set(texts.joined()).sorted()
            #expect(Array(characters.ids.elements.prefix(characters.count)) == occurring)
            var rows = texts[0]
            rows.withUnsafeMutableBufferPointer { characters.replaceByRows($0) }
            #expect(rows.map { occurring[Int($0)] } == texts[0])
        }
    }

    @Test func charactersAreLimitedByTokensAndVocabulary() throws {
        #expect(try BatchCharacters(vocabularySize: 7, batchSize: 3, sequenceLength: 5).capacity == 7)
        #expect(try BatchCharacters(vocabularySize: 70, batchSize: 3, sequenceLength: 5).capacity == 15)
        #expect(BatchCharacters.capacity(vocabularySize: 70, batchSize: 3, sequenceLength: .max) == 70)
        let characters = try BatchCharacters(vocabularySize: 70, batchSize: 1, sequenceLength: 2)
        try number([[1, 2]], characters)
        let error = try requireError(.usage) { try number([[1, 2, 3]], characters) }
        #expect(error.message.contains("more than 2 different characters"))
    }
}
