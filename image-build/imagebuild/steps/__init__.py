"""Steps of the image build, each ``run(ctx)``; `imagebuild.pipeline` lists them in order."""
