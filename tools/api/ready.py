"""Exit status 0 when the service at ADDRESS is ready.  usage: ready.py ADDRESS"""
import sys
import urllib.request

try:
    urllib.request.urlopen(sys.argv[1] + "/health/ready", timeout=5).close()
except OSError:
    sys.exit(1)
