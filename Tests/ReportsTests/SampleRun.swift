/// A made-up training.
enum SampleRun {
    /// The metrics of a training with a held-out loss that rises after the second epoch.
    static func metrics(epochs: Int = 4, steps: Int = 5, offset: Double = 0, profile: Bool = false) -> String {
        let parts =
            #"{"adam":0.25,"backward":1,"exchange":0,"forward":0.5,"head":0.25,"other":0,"pack":0,"wait":0,"weight_gradient":1}"#
        var lines: [String] = []
        for epoch in 1...epochs {
            for place in 1...steps {
                let step = (epoch - 1) * steps + place
                let rest = profile ? #","profile":\#(parts)"# : ""
                lines.append(
                    #"{"epoch":\#(epoch),"gradient_norm":0.5,"learning_rate":0.001,"loss":\#(4 - 0.1 * Double(step) + offset)"#
                        + #","seconds":2,"step":\#(step),"tokens":6400\#(rest)}"#)
            }
            let heldOut = 3 + Double(abs(epoch - 2)) * 0.25 + offset
            lines.append(
                #"{"epoch":\#(epoch),"epoch_loss":\#(4 - 0.5 * Double(epoch) + offset),"seconds":10,"tokens_per_second":3200,"#
                    + #""validation_loss":\#(heldOut),"validation_seconds":1}"#)
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
