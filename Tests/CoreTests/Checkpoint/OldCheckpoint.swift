import FoundationEssentials
import Testing

/// A checkpoint of dtrain 0.1.0, which had no seal: a GRU of 2 units, trained for 2 steps on a, b
/// and c.
enum OldCheckpoint {
    static func write(to path: String) throws {
        try writeBytes([UInt8](try #require(Data(base64Encoded: text, options: .ignoreUnknownCharacters))), to: path)
    }

    private static let text = """
        CAgAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJjb25maWd1cmF0aW9uIjoie1wibW9kZWxcIjp7XCJjZWxsXCI6XCJncnVcIixcImVtYmVkZGluZ0
        RpbVwiOjIsXCJsYXllcnNcIjoxLFwicm5uVW5pdHNcIjoyLFwidm9jYWJ1bGFyeVNpemVcIjo0fSxcInRyYWluaW5nXCI6e1wiYmF0Y2hTaXpl
        XCI6MixcImVwb2Noc1wiOjIwLFwibGVhcm5pbmdSYXRlXCI6MC4wMDEsXCJtaWNyb0JhdGNoU2l6ZVwiOjEsXCJwcmVjaXNpb25cIjpcImZwMz
        JcIixcInNlZWRcIjo0MixcInNlcXVlbmNlTGVuZ3RoXCI6MyxcInNodWZmbGVcIjp0cnVlfX0iLCJjb3JwdXNfY2hlY2tzdW0iOiJhY2NmY2Yz
        NjZiNjZmYzFhYzQ5ZTUyZDI2MDZlMDhmOCIsImR0cmFpbl92ZXJzaW9uIjoiMC4xLjAiLCJlcG9jaCI6IjAiLCJmb3JtYXQiOiJkdHJhaW4iLC
        Jmb3JtYXRfdmVyc2lvbiI6IjEiLCJraW5kIjoidHJhaW5pbmciLCJsb3NzX2hpc3RvcnkiOiJ7XCJlcG9jaExvc3Nlc1wiOltdLFwibG9zc1N1
        bVwiOjIuNzYzOTk1NTI4MjIxMTMwNH0iLCJtZXRhZGF0YV9jaGVja3N1bSI6ImYwN2NjOTNlMDhkYWY5NmFmMzBmNjc3NmRmODRiZTQ0Iiwic3
        RlcCI6IjIiLCJzdGVwX2luX2Vwb2NoIjoiMiIsInRlbnNvcl9jaGVja3N1bSI6ImRmZGJmN2JkNzk5OTk2ZDM2ODliZWMwNjg1OWY4OGNiIiwi
        dm9jYWJ1bGFyeSI6IltcIltVTktdXCIsXCJhXCIsXCJiXCIsXCJjXCJdIn0sImVtYmVkZGluZy5lbWJlZGRpbmdzIjp7ImR0eXBlIjoiRjMyIi
        wic2hhcGUiOls0LDJdLCJkYXRhX29mZnNldHMiOlswLDMyXX0sImdydS5rZXJuZWwiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzIsNl0sImRh
        dGFfb2Zmc2V0cyI6WzMyLDgwXX0sImdydS5yZWN1cnJlbnRfa2VybmVsIjp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOlsyLDZdLCJkYXRhX29mZn
        NldHMiOls4MCwxMjhdfSwiZ3J1LmJpYXMiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzIsNl0sImRhdGFfb2Zmc2V0cyI6WzEyOCwxNzZdfSwi
        ZGVuc2Uua2VybmVsIjp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOlsyLDRdLCJkYXRhX29mZnNldHMiOlsxNzYsMjA4XX0sImRlbnNlLmJpYXMiOn
        siZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzRdLCJkYXRhX29mZnNldHMiOlsyMDgsMjI0XX0sImFkYW0ubS5lbWJlZGRpbmcuZW1iZWRkaW5ncyI6
        eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbNCwyXSwiZGF0YV9vZmZzZXRzIjpbMjI0LDI1Nl19LCJhZGFtLm0uZ3J1Lmtlcm5lbCI6eyJkdHlwZS
        I6IkYzMiIsInNoYXBlIjpbMiw2XSwiZGF0YV9vZmZzZXRzIjpbMjU2LDMwNF19LCJhZGFtLm0uZ3J1LnJlY3VycmVudF9rZXJuZWwiOnsiZHR5
        cGUiOiJGMzIiLCJzaGFwZSI6WzIsNl0sImRhdGFfb2Zmc2V0cyI6WzMwNCwzNTJdfSwiYWRhbS5tLmdydS5iaWFzIjp7ImR0eXBlIjoiRjMyIi
        wic2hhcGUiOlsyLDZdLCJkYXRhX29mZnNldHMiOlszNTIsNDAwXX0sImFkYW0ubS5kZW5zZS5rZXJuZWwiOnsiZHR5cGUiOiJGMzIiLCJzaGFw
        ZSI6WzIsNF0sImRhdGFfb2Zmc2V0cyI6WzQwMCw0MzJdfSwiYWRhbS5tLmRlbnNlLmJpYXMiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzRdLC
        JkYXRhX29mZnNldHMiOls0MzIsNDQ4XX0sImFkYW0udi5lbWJlZGRpbmcuZW1iZWRkaW5ncyI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbNCwy
        XSwiZGF0YV9vZmZzZXRzIjpbNDQ4LDQ4MF19LCJhZGFtLnYuZ3J1Lmtlcm5lbCI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMiw2XSwiZGF0YV
        9vZmZzZXRzIjpbNDgwLDUyOF19LCJhZGFtLnYuZ3J1LnJlY3VycmVudF9rZXJuZWwiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzIsNl0sImRh
        dGFfb2Zmc2V0cyI6WzUyOCw1NzZdfSwiYWRhbS52LmdydS5iaWFzIjp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOlsyLDZdLCJkYXRhX29mZnNldH
        MiOls1NzYsNjI0XX0sImFkYW0udi5kZW5zZS5rZXJuZWwiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzIsNF0sImRhdGFfb2Zmc2V0cyI6WzYy
        NCw2NTZdfSwiYWRhbS52LmRlbnNlLmJpYXMiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzRdLCJkYXRhX29mZnNldHMiOls2NTYsNjcyXX19IC
        AgepaNvCdZSryP5eo8Ub8Cvda1x7uL1u68moCHvCcs57tejUg/EahsPmsUkL2ZYUS/zvi/vhoVM79slPo+JkNZv2jp0b4bnPk+1wIUv0c4cj69
        ROg+PfjTPrSiCb/8sUU+HxLavqBnrb7XlUi99Qi7vjUtq777pCA/Ny0jvp7UEz/iKAC7Gs/1uifIgrrAKrG46pcCO04yArviKAC7Gs/1uifIgr
        rAKrG4g5YCOxdAArtp9LS+Ns4ZvH9SYz9oGTU/Hp1uP1JWSz8eCTq+QkpcP+gPA7sOOHs6iUn7Og8TAzsAAAAAAAAAAEb8pLul+WU8xFDvO+xR
        4Dt/asK7YeTBO5RfmTWqGAk3oZQJs5+fkzTj66q5j6uOOfV/oLbVi/K2R8anM5iaIrNWAXY6K/4Aui/QjDTLmcS0TKYCM+oYObR3ZWq44EJKOL
        pzg7Xt1V01n7PJMv0l8TM7pZk4JMOptlWbKzlxCjY598wKNROkYbcS7BS9EITNPFWbKzlxCjY598wKNROkYbeZjZW8kKFLPOLz2TkW4JW3SMrx
        uEwjlLmdrZC50+OeuXIqqTkAZ4Y57OVAPd96LDpMLAO9FdeAvAAAAAAAAAAAhTrdNaclSTeHaUY2+aIxNnqJCTZVHg02diw+Kt8PiiwFC8wmtX
        SWJ4oFAzKNw+0x0xTEK+E/Ziwt1XUnPPFkJ4byWjN0tIgyXyPOJ7jAvChGOMkk5OY8JxykPS9nQQ0vpKuZKSr8LCk2d0gkHL3gJjvp+i9LuZgu
        v4fbMGYXEjHA2awsFZm2LRXEmziOJRY4v4fbMGYXEjHA2awsFZm2LeEanTdTJRM3dvYjMvCoQjCU0YowzlaaMRRCzjGfRK8xHLIJMqRkeTGtzw
        A5hvZnN9mQjTh1wGU3
        """
}
