#!/bin/sh
# Builds simpang.net.xml again. Needs netconvert: pip install eclipse-sumo==1.28.0
# --lefthand: Indonesia drives on the left. Coordinates stay as written (x = 0 is the stop line).
cd "$(dirname "$0")" && exec netconvert --lefthand --offset.disable-normalization true \
  --no-turnarounds true --no-internal-links false --output.original-names false \
  -n simpang.nod.xml -e simpang.edg.xml -x simpang.con.xml -o simpang.net.xml
