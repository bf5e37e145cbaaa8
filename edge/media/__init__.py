"""Process `media`: all RTP of all legs. Prepares sockets, prompts and files around the pass in `dsp.plane`.

`prepare` runs once in the zygote (imports, compilation, mapping); `main` runs in each forked worker.
"""
