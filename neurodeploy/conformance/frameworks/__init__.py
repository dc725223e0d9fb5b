"""Small graphs of every kind in other frameworks: are the doctor's gaps all there are, and are they there?"""
