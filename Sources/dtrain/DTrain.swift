import ArgumentParser

@main struct DTrain: ParsableCommand {}
